//! Keepers that do not let a test wait, and what they have.

use std::sync::Arc;
use std::time::Duration;

use bridge::credentials::{Credentials, Keeper, Pace, Presented, Source, Surroundings};

/// Azure as it is, elsewhere: nobody is at the usual addresses, and looks at files are frequent.
pub fn fast() -> Surroundings {
    Surroundings {
        imds: "http://127.0.0.1:9".to_owned(),
        arc: "http://127.0.0.1:9".to_owned(),
        arc_agent: "/nowhere/himds".into(),
        arc_keys: "/nowhere/tokens".into(),
        pace: Pace { poll: Duration::from_millis(5), ..Pace::default() },
        ..Surroundings::default()
    }
}

pub fn held(name: &str, content: &str) -> Source {
    Source::Held { name: name.to_owned(), content: content.into() }
}

/// With a deadline, which is none of the product's.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("something within a minute")
}

/// The token to present now, with its method.
pub fn shown_token(presented: &Presented) -> (String, String) {
    let authentication = presented.authentication().expect("a token");
    let data = authentication.data.expect("the token itself");
    (authentication.method, String::from_utf8(data.to_vec()).unwrap())
}

/// What is said when there is nothing to present.
pub async fn refusal(credentials: &Credentials, surroundings: Surroundings) -> String {
    let mut keeper = Keeper::start(credentials, &Arc::new(surroundings));
    within(keeper.present()).await.expect_err("no credential").to_string()
}
