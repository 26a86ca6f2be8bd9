//! What is read of the subscription index for an administrator: under its lock as every read, for one bounded step.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::SessionSlot;
use crate::command::SubscriptionOptions;
use crate::slots::without_share;
use crate::view::{FilterWish, PAGE_BYTES, SubscriptionPlace, SubscriptionView};

use super::index::Index;
use super::{FilterKey, Routes};

/// Subscriptions that one step compares.
pub(crate) const STEP: usize = 4096;

/// The lowest subscriptions behind a place, by client id and filter; at most a page of them, by their number and bytes.
pub(crate) struct Lowest<'a> {
    found: BTreeMap<(Arc<str>, Box<str>), SubscriptionOptions>,
    /// Of what is found, as [`SubscriptionView::weight_of`] has it.
    bytes: usize,
    after: Option<(&'a str, &'a str)>,
    limit: usize,
}

impl<'a> Lowest<'a> {
    pub(crate) fn new(after: Option<(&'a str, &'a str)>, limit: usize) -> Self {
        Self { found: BTreeMap::new(), bytes: 0, after, limit }
    }

    fn offer(&mut self, client_id: &Arc<str>, filter: &str, options: SubscriptionOptions) {
        let key = (&**client_id, filter);
        if self.after.is_some_and(|after| key <= after) {
            return;
        }
        if self.found.len() >= self.limit || self.bytes >= PAGE_BYTES {
            let Some((last, _)) = self.found.last_key_value() else { return };
            if key >= (&*last.0, &*last.1) {
                return;
            }
        }
        if self.found.insert((Arc::clone(client_id), filter.into()), options).is_none() {
            self.bytes += SubscriptionView::weight_of(client_id, filter);
        }
        self.cut();
    }

    /// Leaves what fills a page. What is left out here has no place in the page of whoever keeps the lowest of several
    /// steps by the same rule.
    fn cut(&mut self) {
        while let Some(((client_id, filter), _)) = self.found.last_key_value() {
            let weight = SubscriptionView::weight_of(client_id, filter);
            if self.found.len() <= self.limit && self.bytes - weight < PAGE_BYTES {
                return;
            }
            self.bytes -= weight;
            self.found.pop_last();
        }
    }

    pub(crate) fn items(self) -> Vec<SubscriptionView> {
        let view = |((client_id, filter), options): ((_, Box<str>), _)| SubscriptionView {
            client_id,
            filter: filter.into(),
            options,
        };
        self.found.into_iter().map(view).collect()
    }
}

impl Routes {
    /// Offers those of a session's subscriptions that are wanted and that `counts` as shown here.
    pub(crate) fn offer_of_session(
        &self,
        (slot, client_id): (SessionSlot, &Arc<str>),
        filters: &[FilterKey],
        counts: impl Fn(&str) -> bool,
        wish: FilterWish<'_>,
        lowest: &mut Lowest<'_>,
    ) {
        let index = self.read();
        for key in filters {
            let Some(options) = index.options(slot, *key) else { continue };
            index.with_text(*key, |filter| {
                let is_wanted = match wish {
                    FilterWish::Any => true,
                    FilterWish::Written(written) => written == filter,
                    FilterWish::Matching(topic) => mqtt::matches(without_share(filter), topic),
                };
                if is_wanted && counts(filter) {
                    lowest.offer(client_id, filter, options);
                }
            });
        }
    }

    /// Offers the subscriptions to wanted filters, one filter after the other, from `from` on; where to go on.
    pub(crate) fn offer_of_filters(
        &self,
        wish: FilterWish<'_>,
        from: Option<&SubscriptionPlace>,
        lowest: &mut Lowest<'_>,
    ) -> Option<SubscriptionPlace> {
        let index = self.read();
        let mut looked = 0;
        for (filter, key) in wanted(&index, wish) {
            let slot = match from {
                Some(from) if *from.filter > *filter => continue,
                Some(from) if *from.filter == *filter => from.session,
                _ => SessionSlot(0),
            };
            for (session, client_id, options) in index.subscribers(key, slot) {
                if looked == STEP {
                    return Some(SubscriptionPlace { filter, session });
                }
                looked += 1;
                lowest.offer(client_id, &filter, options);
            }
        }
        None
    }
}

/// The wanted filters in the order of their texts, which is the same from step to step.
fn wanted(index: &Index, wish: FilterWish<'_>) -> Vec<(String, FilterKey)> {
    let keys = match wish {
        FilterWish::Any => Vec::new(),
        FilterWish::Written(filter) => index.find(filter).into_iter().collect(),
        FilterWish::Matching(topic) => index.matching(topic),
    };
    let mut wanted: Vec<_> = keys.into_iter().map(|key| (index.text(key), key)).collect();
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    wanted
}
