import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from serving.access_log import Visit
from serving.metrics import Durations, Meters


def test_requests_are_counted_by_template():
    meters = Meters()
    meters.begun()
    meters.ended(Visit("GET", "/leads/{lead_id}", status=404, seconds=0.003))
    text = meters.text().decode()
    counted = 'bentoml_service_request_total{endpoint="/leads/{lead_id}",http_response_code="404"'
    assert counted in text
    assert 'duration_seconds_bucket{endpoint="/leads/{lead_id}",le="0.005"' in text
    assert 'request_in_progress{service_name="smarketing"} 0.0' in text


def test_the_product_has_figures_of_its_own():
    meters = Meters()
    meters.scored(["A", "A", "D"], 0.0002, 0.001)
    meters.history_age(12.5)
    text = meters.text().decode()
    assert 'smarketing_scores_total{grade="A"} 2.0' in text
    assert "smarketing_feature_seconds_count 1.0" in text
    assert 'smarketing_model_seconds_bucket{le="0.001"} 1.0' in text
    assert "smarketing_history_age_seconds 12.5" in text


@pytest.mark.parametrize("seconds", [[], [0.1], [0.0, 0.1, 0.1000001, 0.5, 1.0, 7.0, 1e9]])
def test_durations_told_at_once_count_as_those_told_one_by_one(seconds):
    words = {"documentation": "Time.", "labelnames": ("path",), "buckets": (0.1, 0.5, 1.0)}
    registries = CollectorRegistry(), CollectorRegistry()
    at_once = Durations("durations", registry=registries[0], **words).labels("/score")
    one_by_one = Histogram("durations", registry=registries[1], **words).labels("/score")
    at_once.observe_all(seconds)
    for each in seconds:
        one_by_one.observe(each)
    told = [
        [line for line in generate_latest(each).decode().splitlines() if "_created" not in line]
        for each in registries
    ]
    assert told[0] == told[1]


def test_what_one_batch_holds_is_counted_by_path_and_status():
    meters = Meters()
    for status, seconds in ((200, 0.002), (200, 0.03), (503, 0.0)):
        meters.begun()
        meters.ended(Visit("POST", "/score", status=status, seconds=seconds))
        meters.scored(["A", "B"], 0.001, 0.002)
    text = meters.text().decode()
    for status, count in ((200, 2), (503, 1)):
        assert (
            f'endpoint="/score",http_response_code="{status}",service_name="smarketing"}} {count}.0'
            in text
        )
    assert 'duration_seconds_count{endpoint="/score",service_name="smarketing"} 3.0' in text
    assert 'smarketing_scores_total{grade="B"} 3.0' in text
    assert "smarketing_model_seconds_count 3.0" in text
