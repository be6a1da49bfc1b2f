//! The routes, each a few lines.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;

use crate::AdminParts;

/// Every path of the admin API.
pub(crate) fn router(parts: Arc<AdminParts>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/healthz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .with_state(parts)
}

/// The process answers, so it lives: a supervisor restarts it when this fails.
async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(parts): State<Arc<AdminParts>>, RawQuery(query): RawQuery) -> Response {
    let readiness = (parts.readiness)();
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.is_some_and(|q| q.split('&').any(|part| part == "verbose" || part == "verbose=true"));
    if verbose || !readiness.is_ready() {
        return (status, readiness.verbose()).into_response();
    }
    (status, "ok\n").into_response()
}

async fn metrics(State(parts): State<Arc<AdminParts>>) -> Response {
    let mut text = String::with_capacity(16 * 1024);
    match encode(&mut text, &parts.registry) {
        Ok(()) => {
            ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
                .into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics: {error}\n")).into_response(),
    }
}

async fn version(State(parts): State<Arc<AdminParts>>) -> Response {
    Json(serde_json::json!({ "name": "chronik", "version": parts.version })).into_response()
}
