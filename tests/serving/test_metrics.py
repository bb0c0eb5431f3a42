from serving.access_log import Visit
from serving.metrics import Meters


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
