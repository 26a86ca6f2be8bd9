//! The ledger against a naive picture of two servers, whatever fails in whatever order.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod cases;
mod model;

use model::{Model, Step};
use proptest::prelude::*;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..3).prop_map(Step::Deliver),
        6 => Just(Step::Send),
        6 => Just(Step::Accept),
        1 => Just(Step::RefuseForNow),
        1 => Just(Step::RefuseForGood),
        1 => any::<u8>().prop_map(Step::DestinationBreaks),
        1 => any::<u8>().prop_map(Step::DestinationBlames),
        1 => any::<u8>().prop_map(Step::SourceBreaks),
        1 => Just(Step::SourceForgets),
        2 => Just(Step::Retry),
        3 => Just(Step::DeadLetterAccepted),
        1 => Just(Step::DeadLetterRefused),
    ]
}

/// More than usual: what goes wrong takes several rare events in one order.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 1000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_is_lost_and_order_is_kept(window in 1u16..6, steps in prop::collection::vec(step(), 0..200)) {
        let mut model = Model::new(window);
        for step in steps {
            model.step(step);
            model.check();
        }
        model.finish();
        model.check();
        model.check_end();
    }
}
