"""The resource types of a Cloudflare account: products, paths and the words of v1.

Paths are those of Cloudflare's public API. v2's `resource.product` is a path segment, as in the API reference's example
(`members`); v1's words are those of its samples (docs/facts/cloudflare.md, 2.4 and 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Action = Literal["create", "update", "delete", "view"]

ACCOUNT = "/accounts/{account}"
ZONE = "/zones/{zone}"

_USUALLY: Mapping[Action, int] = {"create": 4, "update": 6, "delete": 2}


@dataclass(frozen=True)
class Kind:
    """A resource type, the path of its API, and how often each action is done to it."""

    type: str
    title: str
    path: str
    product: str
    weights: Mapping[Action, int] = field(default_factory=lambda: dict(_USUALLY))
    update_method: str = "PUT"
    single: bool = False
    """Whether the path is complete, with no id after it."""

    v1_words: Mapping[str, str] | None = None
    """The words for the actions, if only v1 records them."""

    @property
    def scope(self) -> str:
        """v2's `resource.scope`."""
        return self.path.split("/")[1]


_CREATE: Mapping[Action, int] = {"create": 1}
_UPDATE: Mapping[Action, int] = {"update": 1}

_ALL = [
    Kind("dns_record", "DNS Record", f"{ZONE}/dns_records", "dns_records", update_method="PATCH"),
    Kind("zone_setting", "Zone Setting", f"{ZONE}/settings", "settings", _UPDATE, "PATCH"),
    Kind("cache_purge", "Purge Cache", f"{ZONE}/purge_cache", "purge_cache", _CREATE, single=True),
    Kind("ruleset", "Ruleset", f"{ZONE}/rulesets", "rulesets", {"create": 1, "update": 9}),
    Kind("page_rule", "Page Rule", f"{ZONE}/pagerules", "pagerules", update_method="PATCH"),
    Kind("access_rule", "IP Access Rule", f"{ZONE}/firewall/access_rules/rules", "firewall", update_method="PATCH"),
    Kind("load_balancer", "Load Balancer", f"{ZONE}/load_balancers", "load_balancers"),
    Kind("certificate_pack", "Certificate Pack", f"{ZONE}/ssl/certificate_packs", "ssl", {"create": 5, "delete": 4}),
    Kind("custom_hostname", "Custom Hostname", f"{ZONE}/custom_hostnames", "custom_hostnames", update_method="PATCH"),
    Kind("worker_route", "Worker Route", f"{ZONE}/workers/routes", "workers"),
    Kind("email_routing_rule", "Email Routing Rule", f"{ZONE}/email/routing/rules", "email"),
    Kind("waiting_room", "Waiting Room", f"{ZONE}/waiting_rooms", "waiting_rooms"),
    Kind("healthcheck", "Health Check", f"{ZONE}/healthchecks", "healthchecks"),
    Kind("logpush_job", "Logpush Job", f"{ZONE}/logpush/jobs", "logpush"),
    Kind("load_balancer_pool", "Load Balancer Pool", f"{ACCOUNT}/load_balancers/pools", "load_balancers"),
    Kind("list", "List", f"{ACCOUNT}/rules/lists", "rules"),
    Kind("list_item", "List Items", f"{ACCOUNT}/rules/lists/{{parent}}/items", "rules", {"create": 5, "delete": 4}),
    Kind("member", "Member", f"{ACCOUNT}/members", "members"),
    Kind("access_application", "Access Application", f"{ACCOUNT}/access/apps", "access"),
    Kind("access_policy", "Access Policy", f"{ACCOUNT}/access/policies", "access"),
    Kind("access_group", "Access Group", f"{ACCOUNT}/access/groups", "access"),
    Kind("gateway_rule", "Gateway Rule", f"{ACCOUNT}/gateway/rules", "gateway"),
    Kind("gateway_list", "Gateway List", f"{ACCOUNT}/gateway/lists", "gateway", update_method="PATCH"),
    Kind("device_policy", "Device Settings Profile", f"{ACCOUNT}/devices/policy", "devices", _UPDATE, "PATCH"),
    Kind("tunnel", "Tunnel", f"{ACCOUNT}/cfd_tunnel", "cfd_tunnel", update_method="PATCH"),
    Kind("kv_namespace", "Workers KV Namespace", f"{ACCOUNT}/storage/kv/namespaces", "storage"),
    Kind("r2_bucket", "R2 Bucket", f"{ACCOUNT}/r2/buckets", "r2", update_method="PATCH"),
    Kind("d1_database", "D1 Database", f"{ACCOUNT}/d1/database", "d1", update_method="PATCH"),
    Kind("queue", "Queue", f"{ACCOUNT}/queues", "queues"),
    Kind(
        "pages_deployment",
        "Pages Deployment",
        f"{ACCOUNT}/pages/projects/{{parent}}/deployments",
        "pages",
        {"create": 9},
    ),
    Kind("turnstile_widget", "Turnstile Widget", f"{ACCOUNT}/challenges/widgets", "challenges"),
    Kind("notification_policy", "Notification Policy", f"{ACCOUNT}/alerting/v3/policies", "alerting"),
    Kind("web_analytics_site", "Web Analytics Site", f"{ACCOUNT}/rum/site_info", "rum"),
    Kind("image", "Image", f"{ACCOUNT}/images/v1", "images", update_method="PATCH"),
    Kind("stream_video", "Stream Video", f"{ACCOUNT}/stream", "stream"),
    Kind("api_token", "API Token", "/user/tokens", "tokens", {"create": 3, "update": 3, "delete": 2, "view": 1}),
    Kind("login", "LOGIN", "/user/login", "login", _UPDATE, "POST", single=True),
    Kind(
        "DNS_record",
        "",
        f"{ZONE}/dns_records",
        "",
        v1_words={"create": "rec_add", "update": "rec_set", "delete": "rec_del"},
    ),
    Kind(
        "script",
        "",
        f"{ACCOUNT}/workers/scripts",
        "",
        {"create": 1, "update": 9},
        v1_words={"create": "create", "update": "deploy"},
    ),
    Kind(
        "account",
        "",
        "/user/tokens",
        "",
        {"create": 2, "update": 2},
        v1_words={"create": "token_create", "update": "token_roll"},
    ),
    Kind("zone", "", f"{ZONE}/tls", "", _UPDATE, v1_words={"update": "tls_settings_deployed"}),
]

KINDS: Mapping[str, Kind] = {kind.type: kind for kind in _ALL}
"""By type. A kind with `v1_words` is recorded in v1 alone, all others in v2 alone: no entry was seen in both."""
