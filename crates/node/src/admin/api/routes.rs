//! Which path is answered by what, and the same in the document.

mod members;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};

use super::authorization::{Authorization, AuthorizationQuery};
use super::clients::{Client, ClientsQuery};
use super::configuration::Configuration;
use super::dataflow_endpoints::{DataflowEndpoint, EndpointsQuery};
use super::dataflows::{Dataflow, DataflowSummary, DataflowsQuery};
use super::document::{Document, Draft};
use super::health::HealthReport;
use super::listeners::Listeners;
use super::page::Page;
use super::path::{client_id, resource_name, topic_name};
use super::query::{NoQuery, Nothing};
use super::retained::{PayloadQuery, RetainedMessage, RetainedQuery, RetainedTopic};
use super::sessions::{Session, SessionsQuery};
use super::subscriptions::{Subscription, SubscriptionsQuery};
use super::traces::{Trace, Traces, TracesQuery, trace_id};
use super::{
    authorization, clients, configuration, dataflow_endpoints, dataflows, health, listeners, retained, sessions,
    subscriptions, traces,
};
use crate::admin::endpoint::Endpoint;
use crate::admin::metrics;
use crate::admin::problem::Problem;

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

const INDEX: &str = "\
Causeway's admin endpoint

/health/live           200 while the process runs
/health/ready          200 while clients are served
/health                its condition and its reasons, as JSON
/metrics               for Prometheus
/api/v1/clients        who is connected; DELETE /api/v1/clients/ID disconnects
/api/v1/clients/ID/authorization  what a client may do, and why
/api/v1/sessions       what is kept for clients
/api/v1/subscriptions  who asked for which topics
/api/v1/retained       retained messages; DELETE /api/v1/retained/TOPIC deletes
/api/v1/traces         recorded traces
/api/v1/dataflows      what crosses between brokers; /api/v1/dataflows/NAME  how that goes
/api/v1/dataflow-endpoints  the brokers that dataflows connect
/api/v1/listeners      where clients may connect
/api/v1/internal-certificates  how processes of a cluster know each other; POST rotate, rotate-authority, remove, tokens
/api/v1/configuration  what is in effect, and where it came from
/api/v1/openapi.json   all of this for programs
";

/// Every path of the endpoint.
pub(crate) fn router(endpoint: Endpoint) -> Router {
    let mut routes = Routes { router: Router::new(), document: Document::new() };
    probes(&mut routes);
    connected(&mut routes);
    messages(&mut routes);
    crossing(&mut routes);
    members::add(&mut routes);
    process(&mut routes);
    routes.finish(endpoint)
}

/// Routes while they are added, with their document.
struct Routes {
    router: Router<Endpoint>,
    document: Document,
}

impl Routes {
    fn add<H, T>(&mut self, path: Place, describe: impl FnOnce(Draft<'_>) -> Draft<'_>, handler: H)
    where
        H: Handler<T, Endpoint>,
        T: 'static,
    {
        let Place { method, routed, documented } = path;
        self.document.add(&method, documented, describe);
        let filter = match method {
            Method::DELETE => MethodFilter::DELETE,
            Method::POST => MethodFilter::POST,
            _ => MethodFilter::GET,
        };
        self.router = std::mem::take(&mut self.router).route(routed, on(filter, handler));
    }

    fn finish(mut self, endpoint: Endpoint) -> Router {
        self.document.add(&Method::GET, OPENAPI, |draft| {
            guarded(
                draft
                    .id("readDocument", "This document.")
                    .json::<serde_json::Map<String, serde_json::Value>>("OpenAPI 3.1."),
            )
        });
        let document = Arc::new(Bytes::from(self.document.into_json().to_string()));
        let openapi = move |_: NoQuery| async move { ([(CONTENT_TYPE, "application/json")], (*document).clone()) };
        self.router
            .route(OPENAPI, on(MethodFilter::GET, openapi))
            .method_not_allowed_fallback(not_allowed)
            .fallback(unknown)
            .with_state(endpoint)
    }
}

const OPENAPI: &str = "/api/v1/openapi.json";

/// A method on a path as it is routed and as it is documented.
struct Place {
    method: Method,
    routed: &'static str,
    documented: &'static str,
}

fn get(path: &'static str) -> Place {
    Place { method: Method::GET, routed: path, documented: path }
}

fn post(path: &'static str) -> Place {
    Place { method: Method::POST, routed: path, documented: path }
}

fn delete(path: &'static str) -> Place {
    Place { method: Method::DELETE, routed: path, documented: path }
}

impl Place {
    /// Slashes of a topic may stand in the path as they are; OpenAPI has no words for that.
    fn with_slashes(self, routed: &'static str) -> Self {
        Self { routed, ..self }
    }
}

fn probes(routes: &mut Routes) {
    routes.add(
        get("/"),
        |draft| guarded(draft.id("readIndex", "What there is.").text("Paths and what they are for.", TEXT)),
        |_: NoQuery| async { ([(CONTENT_TYPE, TEXT)], INDEX) },
    );
    routes.add(
        get("/health/live"),
        |draft| draft.id("isLive", "Whether the process runs.").text("It does.", TEXT),
        || async { ([(CONTENT_TYPE, TEXT)], "live\n") },
    );
    routes.add(
        get("/health/ready"),
        |draft| {
            let draft = draft.id("isReady", "Whether clients are served.").text("They are.", TEXT);
            draft.text_with(StatusCode::SERVICE_UNAVAILABLE, "They are not, for the reason given.", TEXT)
        },
        health::ready,
    );
    routes.add(
        get("/health"),
        |draft| {
            let draft = draft.id("readHealth", "The condition of the process with its reasons.");
            let draft = draft.json::<HealthReport>("Available or Degraded: clients are served.");
            let unserved = "Unavailable or Unknown: clients are not served.";
            guarded(draft).json_with::<HealthReport>(StatusCode::SERVICE_UNAVAILABLE, unserved)
        },
        health::report,
    );
    routes.add(
        get("/metrics"),
        |draft| running(draft.id("readMetrics", "Metrics.").text("Exposition format 0.0.4.", PROMETHEUS)),
        scrape,
    );
}

fn connected(routes: &mut Routes) {
    routes.add(
        get("/api/v1/clients"),
        |draft| {
            let draft = draft.id("listClients", "Connected clients, by their identifiers.").query::<ClientsQuery>();
            answered(draft.json::<Page<Client>>("A page of them."))
        },
        clients::list,
    );
    routes.add(
        get("/api/v1/clients/{clientId}"),
        |draft| one_client(draft.id("readClient", "A connected client.").json::<Client>("The client.")),
        clients::one,
    );
    routes.add(
        delete("/api/v1/clients/{clientId}"),
        |draft| {
            let draft = draft.id("disconnectClient", "Disconnects a client; its session stays and it may come back.");
            changing(one_client(draft.empty("It is disconnected: in MQTT 5 with reason 0x98, administrative action.")))
        },
        clients::kick,
    );
    routes.add(
        get("/api/v1/clients/{clientId}/authorization"),
        |draft| {
            let draft = draft.id("explainAuthorization", "Whether a connected client may do something, and why.");
            one_client(draft.query::<AuthorizationQuery>().json::<Authorization>("The decision and its ground."))
        },
        authorization::explain,
    );
    routes.add(
        get("/api/v1/sessions"),
        |draft| {
            let draft = draft.id("listSessions", "Sessions, by their client identifiers.").query::<SessionsQuery>();
            answered(draft.json::<Page<Session>>("A page of them."))
        },
        sessions::list,
    );
    routes.add(
        get("/api/v1/sessions/{clientId}"),
        |draft| one_client(draft.id("readSession", "A session.").json::<Session>("The session.")),
        sessions::one,
    );
    routes.add(
        get("/api/v1/subscriptions"),
        |draft| {
            let draft = draft.id("listSubscriptions", "Subscriptions, by client identifier and filter.");
            let draft = answered(draft.query::<SubscriptionsQuery>().json::<Page<Subscription>>("A page of them."));
            draft.refused(StatusCode::NOT_FOUND, "`after` is no place in the list, or there is no broker here.")
        },
        subscriptions::list,
    );
}

fn messages(routes: &mut Routes) {
    const TOPIC: &str = "/api/v1/retained/{topic}";
    const TOPIC_ROUTE: &str = "/api/v1/retained/{*topic}";
    routes.add(
        get("/api/v1/retained"),
        |draft| {
            let draft = draft.id("listRetained", "Retained messages, by their topics.").query::<RetainedQuery>();
            answered(draft.json::<Page<RetainedTopic>>("A page of them, without payloads."))
        },
        retained::list,
    );
    routes.add(
        get(TOPIC).with_slashes(TOPIC_ROUTE),
        |draft| {
            let draft = draft.id("readRetained", "A retained message with its payload.").query::<PayloadQuery>();
            one_topic(draft.json::<RetainedMessage>("The message."))
        },
        retained::one,
    );
    routes.add(
        delete(TOPIC).with_slashes(TOPIC_ROUTE),
        |draft| {
            let draft = draft.id("deleteRetained", "Deletes a retained message.");
            let draft = changing(one_topic(draft.empty("It is deleted.")));
            draft.refused(StatusCode::INSUFFICIENT_STORAGE, "The disk is full, so nothing can be changed.")
        },
        retained::delete,
    );
    routes.add(
        get("/api/v1/traces"),
        |draft| {
            let draft = draft.id("listTraces", "Recorded traces, newest first.").query::<TracesQuery>();
            of_broker(draft.json::<Traces>("The newest."))
        },
        traces::list,
    );
    routes.add(
        get("/api/v1/traces/{traceId}"),
        |draft| {
            let draft = draft.id("readTrace", "A trace with its spans.").json::<Trace>("The trace.");
            let draft = draft.path("traceId", "As the list gives it.", trace_id).query::<Nothing>();
            running(draft).refused(StatusCode::NOT_FOUND, "It is not kept, or never was; or there is no broker here.")
        },
        traces::one,
    );
}

fn crossing(routes: &mut Routes) {
    routes.add(
        get("/api/v1/dataflows"),
        |draft| {
            let draft = draft.id("listDataflows", "Dataflows, by their names.").query::<DataflowsQuery>();
            running(draft.json::<Page<DataflowSummary>>("A page of them."))
        },
        dataflows::list,
    );
    routes.add(
        get("/api/v1/dataflows/{dataflow}"),
        |draft| {
            let draft = draft.id("readDataflow", "A dataflow with its instances and their connections.");
            let draft = draft.path("dataflow", "The name of the Dataflow.", resource_name).query::<Nothing>();
            let draft = running(draft.json::<Dataflow>("The dataflow."));
            draft.refused(StatusCode::NOT_FOUND, "There is none with this name.")
        },
        dataflows::one,
    );
    routes.add(
        get("/api/v1/dataflow-endpoints"),
        |draft| {
            let draft = draft.id("listDataflowEndpoints", "DataflowEndpoints, by their names.");
            running(draft.query::<EndpointsQuery>().json::<Page<DataflowEndpoint>>("A page of them."))
        },
        dataflow_endpoints::list,
    );
    routes.add(
        get("/api/v1/dataflow-endpoints/{endpoint}"),
        |draft| {
            let draft = draft.id("readDataflowEndpoint", "A DataflowEndpoint with the connections to it.");
            let draft = draft.path("endpoint", "The name of the DataflowEndpoint.", resource_name).query::<Nothing>();
            let draft = running(draft.json::<DataflowEndpoint>("The endpoint."));
            draft.refused(StatusCode::NOT_FOUND, "There is none with this name.")
        },
        dataflow_endpoints::one,
    );
}

fn process(routes: &mut Routes) {
    routes.add(
        get("/api/v1/listeners"),
        |draft| of_broker(draft.id("listListeners", "Open listeners.").json::<Listeners>("All of them.")),
        listeners::list,
    );
    routes.add(
        get("/api/v1/configuration"),
        |draft| {
            let draft = draft.id("readConfiguration", "What is in effect, and where it came from; no secrets.");
            running(draft.json::<Configuration>("All values."))
        },
        configuration::list,
    );
}

/// What every path but the probes may say, and what is said to a parameter where none is known.
fn guarded(draft: Draft<'_>) -> Draft<'_> {
    draft
        .refused(StatusCode::BAD_REQUEST, "A parameter is wrong or unknown.")
        .refused(StatusCode::UNAUTHORIZED, "A token is configured and the request does not show it.")
        .refused(StatusCode::MISDIRECTED_REQUEST, "No token is configured and Host is not this machine.")
}

fn running(draft: Draft<'_>) -> Draft<'_> {
    guarded(draft).refused(StatusCode::SERVICE_UNAVAILABLE, "The process is starting or ending.")
}

fn of_broker(draft: Draft<'_>) -> Draft<'_> {
    running(draft).refused(StatusCode::NOT_FOUND, "This process is a bridge and has no broker in it.")
}

fn answered(draft: Draft<'_>) -> Draft<'_> {
    of_broker(draft).refused(StatusCode::GATEWAY_TIMEOUT, "The broker's inside did not answer in time.")
}

fn one_client(draft: Draft<'_>) -> Draft<'_> {
    let draft = draft.path("clientId", "The client identifier, percent-encoded.", client_id);
    answered(draft).refused(StatusCode::NOT_FOUND, "There is none with this identifier, or no broker here.")
}

fn one_topic(draft: Draft<'_>) -> Draft<'_> {
    let draft = draft.path("topic", "The topic name, percent-encoded; slashes may stand as they are.", topic_name);
    answered(draft).refused(StatusCode::NOT_FOUND, "No message is retained for it, or there is no broker here.")
}

fn changing(draft: Draft<'_>) -> Draft<'_> {
    draft.refused(StatusCode::FORBIDDEN, "A web page of another origin asks.")
}

async fn scrape(State(endpoint): State<Endpoint>) -> Result<Response, Problem> {
    let text = metrics::page(&endpoint).await?;
    Ok(([(CONTENT_TYPE, PROMETHEUS)], text).into_response())
}

async fn unknown(uri: Uri) -> Problem {
    Problem::not_found("there is nothing at this path").at("path", uri.path(), "a path that / lists")
}

async fn not_allowed(method: Method) -> Problem {
    let text = format!("{method} is not possible here");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, &*text).at("method", &text, "a method that header Allow names")
}
