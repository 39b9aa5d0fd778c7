"""An EHR that launches the app: Authlib lets in, the sandbox's server has records."""

import secrets
import threading
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, redirect, request
from joserfc.jwk import ECKey
from werkzeug.serving import make_server

FHIR_JSON = "application/fhir+json"
CLIENT_ID = "scnen-cds"
USER = "Practitioner/surgeon-1"


@dataclass
class Client:
    """How the EHR knows the app: a public client, one redirect address."""

    client_id: str = CLIENT_ID

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, uri):
        return urlsplit(uri).path.startswith("/smart/callback/")

    def check_client_secret(self, secret):
        return False

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "none"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"


@dataclass
class Code:
    """An authorisation code, good for one exchange."""

    code: str
    redirect_uri: str
    scope: str
    nonce: str | None
    launch: str
    code_challenge: str | None
    code_challenge_method: str | None
    client_id: str = CLIENT_ID

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return None

    def get_acr(self):
        return None

    def get_amr(self):
        return None


@dataclass
class EHR:
    """
    One EHR, with what a test may change about it.

    `launches` maps an opaque handle to what the token answer says of it. `told` is what
    a test adds to, or takes out of (None), the token answer. `granted` replaces the
    scopes. `refusals` maps a resource type (or "" for a transaction) to a status.
    """

    upstream: str
    upstream_token: str
    launches: dict = field(default_factory=dict)
    told: dict = field(default_factory=dict)
    claims: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    granted: str | None = None
    refusals: dict = field(default_factory=dict)
    takes_transactions: bool = True
    is_lost_after_writing: bool = False
    token_answer: object = None
    codes: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)
    writes: list = field(default_factory=list)
    base: str = ""
    key: ECKey = field(
        default_factory=lambda: ECKey.generate_key(
            "P-256", parameters={"kid": "of-the-ehr", "use": "sig", "alg": "ES256"}
        )
    )

    @property
    def fhir(self):
        return f"{self.base}/fhir"

    def reset(self):
        """Make it well behaved again."""
        self.told, self.claims, self.settings, self.refusals = {}, {}, {}, {}
        self.header = {}
        self.granted, self.token_answer, self.takes_transactions = None, None, True
        self.writes, self.is_lost_after_writing = [], False

    def launch(self, patient, **told):
        """Begin a launch of a patient's chart; gives the opaque handle."""
        handle = secrets.token_urlsafe(8)
        self.launches[handle] = {"patient": patient, **told}
        return handle


class Grant(AuthorizationCodeGrant):
    """The code flow; codes are kept in the EHR."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def save_authorization_code(self, code, request):
        said, ehr = request.payload.data, self.server.ehr
        ehr.codes[code] = Code(
            code,
            said["redirect_uri"],
            said["scope"] if ehr.granted is None else ehr.granted,
            said.get("nonce"),
            said["launch"],
            said.get("code_challenge"),
            said.get("code_challenge_method"),
        )

    def query_authorization_code(self, code, client):
        return self.server.ehr.codes.get(code)

    def delete_authorization_code(self, code):
        self.server.ehr.codes.pop(code.code)

    def authenticate_user(self, code):
        return code


class IdToken(OpenIDCode):
    """The id token, with whatever a test changes about it."""

    def __init__(self, ehr):
        super().__init__()
        self.ehr = ehr

    def exists_nonce(self, nonce, request):
        return any(code.nonce == nonce for code in self.ehr.codes.values())

    def resolve_client_private_key(self, client):
        return self.ehr.key

    def get_client_algorithm(self, client):
        return "ES256"

    def get_encode_header(self, client):
        return {"alg": "ES256", "kid": "of-the-ehr", **self.ehr.header}

    def get_client_claims(self, client):
        return {"iss": self.ehr.base}

    def generate_user_info(self, user, scope):
        user = f"{self.ehr.fhir}/{USER}"
        return UserInfo(**{"sub": "u1", "fhirUser": user, **self.ehr.claims})


def application(ehr):
    """The web side of the EHR."""
    app = Flask(__name__)
    add_authorisation(app, ehr)
    add_records(app, ehr)
    return app


def add_authorisation(app, ehr):
    """The configuration, the authorisation server, its keys."""
    server = AuthorizationServer(
        app,
        query_client=lambda name: Client() if name == CLIENT_ID else None,
        save_token=lambda token, request: ehr.tokens.update(
            {token["access_token"]: {**token, "launch": request.user.launch}}
        ),
    )
    server.ehr = ehr
    server.register_grant(Grant, [CodeChallenge(required=True), IdToken(ehr)])

    @app.get("/fhir/.well-known/smart-configuration")
    def configuration():
        said = {
            "issuer": ehr.base,
            "jwks_uri": f"{ehr.base}/jwks",
            "authorization_endpoint": f"{ehr.base}/authorize",
            "token_endpoint": f"{ehr.base}/token",
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["launch-ehr", "permission-v2", "sso-openid-connect"],
            **ehr.settings,
        }
        return {name: value for name, value in said.items() if value is not None}

    @app.get("/authorize")
    def authorize():
        # A page with a link, so that somebody gives the leave.
        said = request.args
        if "approved" not in said:
            query = escape(urlencode({**said, "approved": "yes"}))
            return f'<a id="approve" href="/authorize?{query}">Allow</a>'
        if said["aud"] != ehr.fhir or said["launch"] not in ehr.launches:
            return redirect(f"{said['redirect_uri']}?error=invalid_request")
        grant = server.get_consent_grant(end_user="surgeon")
        return server.create_authorization_response(grant_user="surgeon", grant=grant)

    @app.post("/token")
    def token():
        if ehr.token_answer is not None:
            return ehr.token_answer()
        answer = server.create_token_response()
        said = answer.get_json()
        if answer.status_code != 200:
            return answer
        context = ehr.launches[ehr.tokens[said["access_token"]]["launch"]]
        said = {**said, **context, **ehr.told}
        return {name: value for name, value in said.items() if value is not None}

    @app.get("/jwks")
    def jwks():
        return {"keys": [ehr.key.as_dict(private=False)]}


def add_records(app, ehr):
    """The FHIR server, as far as the token reaches."""

    @app.route("/fhir", methods=["POST"], defaults={"path": ""})
    @app.route("/fhir/<path:path>", methods=["GET", "POST"])
    def fhir(path):
        return proxied(ehr, path)


def proxied(ehr, path):
    """Pass a request on to the FHIR server, within the scopes of its token."""
    said = request.headers.get("Authorization", "").removeprefix("Bearer ")
    kind = path.partition("/")[0]
    if path != "metadata" and said not in ehr.tokens:
        return outcome(401)
    if request.method == "POST" and "_search" not in path:
        wanted = (
            [kind]
            if kind
            else [each["request"]["url"] for each in request.get_json()["entry"]]
        )
        ehr.writes.append((kind, wanted, request.get_json()))
        status = next(
            (ehr.refusals[k] for k in (kind, *wanted) if k in ehr.refusals), 0
        )
        scopes = ehr.tokens[said]["scope"].split()
        if not all(any(f"/{each}.c" in scope for scope in scopes) for each in wanted):
            status = status or 403
        if status:
            return outcome(status)
    elif ehr.is_lost_after_writing and ehr.writes:
        return outcome(500)
    answer = requests.request(
        request.method,
        f"{ehr.upstream}/{path}".rstrip("/") + ("/" if not path else ""),
        params=parse_qs(request.query_string.decode()),
        data=request.get_data(),
        headers={
            "Authorization": f"Bearer {ehr.upstream_token}",
            **{
                name: request.headers[name]
                for name in ("Content-Type", "Accept", "If-None-Exist")
                if name in request.headers
            },
        },
        timeout=30,
    )
    body = answer.content
    if path == "metadata" and not ehr.takes_transactions:
        body = body.replace(b'{"code":"transaction"}', b'{"code":"history-system"}')
    body = body.replace(ehr.upstream.encode(), ehr.fhir.encode())
    return Response(body, answer.status_code, content_type=FHIR_JSON)


def outcome(status):
    """An OperationOutcome, as FHIR servers refuse."""
    issue = {"severity": "error", "code": "forbidden", "diagnostics": "<b>no</b>"}
    said = {"resourceType": "OperationOutcome", "issue": [issue]}
    return said, status, {"Content-Type": FHIR_JSON}


class Running:
    """The EHR on a port of its own, while it is needed."""

    def __init__(self, ehr):
        self._server = make_server("127.0.0.1", 0, application(ehr), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        ehr.base = f"http://127.0.0.1:{self._server.port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
