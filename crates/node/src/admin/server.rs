//! The HTTP server of the admin endpoint: one thread, one request per connection, everything bounded.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use axum::extract::{Extension, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, http};
use config::SecretText;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::MissedTickBehavior;

use super::access;
use super::api;
use super::endpoint::Endpoint;
use super::source::AdminSettings;

/// A request line with its headers may be this long; more is answered with 431.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// From accepting a connection to having answered it.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// Connections served at once; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 64;
/// After a failed accept (out of file descriptors, mostly), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the broker's condition is looked at while nobody asks, so that its changes have a time.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The running endpoint. Ends when stopped or dropped.
pub(crate) struct Admin {
    endpoint: Endpoint,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Serves on `listener` (non-blocking) in a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub(crate) fn start(listener: TcpListener, settings: AdminSettings) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let endpoint = Endpoint::new(settings);
        let served = endpoint.clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                let router = router(served.clone());
                // All branches are cancel safe; a request under way is cut off.
                tokio::select! {
                    () = accept(&listener, &router) => {}
                    () = look(&served) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { endpoint, stop: Some(stop), thread: Some(thread) })
    }

    /// Asks for another token from now on, or for none.
    pub(crate) fn set_token(&self, token: Option<SecretText>) {
        self.endpoint.set_token(token);
    }

    /// Ends the endpoint and waits for its thread.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the admin endpoint had panicked");
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
struct Peer(SocketAddr);

/// Never ends.
async fn look(endpoint: &Endpoint) {
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        endpoint.look();
    }
}

/// Never ends.
async fn accept(listener: &tokio::net::TcpListener, router: &Router) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve(stream, peer, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin endpoint could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, router: Router) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(REQUEST_DEADLINE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an admin request failed"),
        Err(_) => tracing::debug!("an admin request took too long"),
    }
}

fn router(endpoint: Endpoint) -> Router {
    let guard = middleware::from_fn_with_state(endpoint.clone(), guard);
    api::router(endpoint).layer(guard)
}

/// Lets nobody in who may not, and says of every answer what browsers and proxies must not do with it.
async fn guard(
    State(endpoint): State<Endpoint>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = access::Request {
        method: request.method(),
        uri: request.uri(),
        version: request.version(),
        headers: request.headers(),
    };
    let checked = match request.uri().path() {
        "/health/live" | "/health/ready" => Ok(None),
        _ => endpoint.check(&asked, peer).map(Some),
    };
    let mut response = match checked {
        Ok(asker) => {
            if let Some(asker) = asker {
                request.extensions_mut().insert(asker);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let headers: &mut http::HeaderMap = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
