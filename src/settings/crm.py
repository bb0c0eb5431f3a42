"""Where the CRMs are, and with which secrets they are spoken to."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

_HERE = ("127.0.0.1", "::1", "localhost")


class CrmSettings(BaseModel):
    """Secrets and addresses of CRMs; the environment is the better place for secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public_url: str = Field("", description="address under which CRMs call, as they sign it")
    hubspot_secret: str = Field("", repr=False, description="client secret that signs its calls")
    hubspot_url: str = "https://api.hubapi.com"
    hubspot_token: str = Field("", repr=False, description="token of a private app")
    salesforce_url: str = Field("", description="https://COMPANY.my.salesforce.com")
    salesforce_token: str = Field("", repr=False, description="OAuth access token")
    salesforce_client_id: str = Field("", description="of a connected app, instead of a token")
    salesforce_client_secret: str = Field("", repr=False, description="of the same app")
    salesforce_username: str = Field("", description="for whom the app acts, with a private key")
    salesforce_private_key: str = Field("", repr=False, description="PEM, instead of a secret")
    salesforce_audience: str = Field(
        "https://login.salesforce.com", description="of a sandbox: https://test.salesforce.com"
    )
    odoo_url: str = Field("", repr=False, description="secret URL of its inbound webhook")
    odoo_key: str = Field("", repr=False, description="the key in the URL that Odoo calls")
    dynamics_url: str = Field("", description="https://COMPANY.crm.dynamics.com")
    dynamics_token: str = Field("", repr=False, description="OAuth access token")
    dynamics_client_id: str = Field("", description="of an Entra application, instead of a token")
    dynamics_client_secret: str = Field("", repr=False, description="of the same application")
    dynamics_tenant: str = Field("", description="id of the Entra tenant that knows it")
    dynamics_login_url: str = "https://login.microsoftonline.com"
    overdue_url: str = Field(
        "", repr=False, description="is told once of each hand-off that is overdue"
    )
    overdue_token: str = Field("", repr=False, description="sent to it as a bearer token")
    timeout_s: float = Field(20.0, gt=0, le=300, description="for one call to a CRM")

    @field_validator("hubspot_url", "salesforce_url", "dynamics_url", "dynamics_login_url")
    @classmethod
    def _encrypted(cls, url: str) -> str:
        """Refuse to send a secret where others can read it on the way."""
        parts = urlsplit(url)
        if url and parts.scheme != "https" and parts.hostname not in _HERE:
            raise ValueError(f"{url!r}: secrets are sent there, so it must begin with https://")
        return url
