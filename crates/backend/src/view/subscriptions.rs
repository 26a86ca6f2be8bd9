//! Subscriptions, in the order of sessions, which is kept. An ordered index of all subscriptions would cost as much memory
//! as they do (about 100 bytes each), for a list that is rarely looked at: so those of one session, or to one filter,
//! are all compared for every page, and only the lowest of them are brought here. A page of a client with n subscriptions
//! costs n comparisons, some thousands in each turn of the partitions' threads.

use std::collections::BTreeMap;
use std::sync::Arc;

use partition::{Found, PAGE_BYTES, SessionRecord, SubscriptionView};
use tokio::time::Instant;

use super::ViewError;
use super::call::{Call, ClientsStep, FiltersStep, Search, SessionStep, in_questions};
use super::line::Line;
use super::merge::Part;
use super::query::SubscriptionQuery;
use super::record::Page;

/// Sessions looked at in one go, at first and at most.
const SESSIONS_FIRST: usize = 256;
const SESSIONS_AT_MOST: usize = 1024;

/// A place in the list, as `length of the client id : client id, filter`, or with `.` behind all of the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    client_id: Arc<str>,
    /// Behind this filter; `None` is behind all.
    filter: Option<String>,
}

impl Place {
    fn parse(text: &str) -> Result<Self, ViewError> {
        let refused = || ViewError::Cursor(text.to_owned());
        let end = text.find([':', '.']).ok_or_else(refused)?;
        let (len, rest) = text.split_at(end);
        let (separator, rest) = rest.split_at(1);
        let len: usize = len.parse().map_err(|_| refused())?;
        let (client_id, filter) = rest.split_at_checked(len).ok_or_else(refused)?;
        let filter = (separator == ":").then(|| filter.to_owned());
        Ok(Self { client_id: client_id.into(), filter })
    }

    fn write(&self) -> String {
        let Self { client_id, filter } = self;
        match filter {
            Some(filter) => format!("{}:{client_id}{filter}", client_id.len()),
            None => format!("{}.{client_id}", client_id.len()),
        }
    }
}

/// The page as it fills: the lowest that have been found, by client id and filter, and one more; by number and bytes.
struct Lowest {
    found: BTreeMap<(Arc<str>, String), SubscriptionView>,
    bytes: usize,
    limit: usize,
}

impl Lowest {
    fn new(limit: usize) -> Self {
        Self { found: BTreeMap::new(), bytes: 0, limit }
    }

    fn add(&mut self, item: SubscriptionView) {
        self.bytes += item.weight();
        if let Some(known) = self.found.insert((Arc::clone(&item.client_id), item.filter.clone()), item) {
            self.bytes -= known.weight();
        }
        // As each step does with what it finds: no step leaves out what would stay here.
        while let Some((_, last)) = self.found.last_key_value() {
            let weight = last.weight();
            if self.found.len() <= self.limit && self.bytes - weight < PAGE_BYTES {
                return;
            }
            self.bytes -= weight;
            self.found.pop_last();
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() == self.limit || self.bytes >= PAGE_BYTES
    }

    /// Goes on behind its last item, or at `end` where all that was found has room.
    fn page(mut self, end: Option<Place>) -> Page<SubscriptionView> {
        let mut next = end;
        if self.is_full() {
            self.found.pop_last();
            next = self.found.last_key_value().map(|((client_id, filter), _)| Place {
                client_id: Arc::clone(client_id),
                filter: Some(filter.clone()),
            });
        }
        Page { items: self.found.into_values().collect(), next: next.map(|place| place.write()) }
    }
}

impl Line<'_> {
    pub(super) async fn subscriptions(
        &self,
        query: &SubscriptionQuery,
        until: Instant,
    ) -> Result<Page<SubscriptionView>, ViewError> {
        let place = query.after.as_deref().map(Place::parse).transpose()?;
        let begun = place.as_ref().and_then(|place| Some((Arc::clone(&place.client_id), place.filter.clone()?)));
        // One more than the page holds tells whether there is another.
        let limit = super::page_limit(query.limit) + 1;
        let (filter, topic) = (query.filter.clone(), query.topic.clone());
        let search = Arc::new(Search { filter, topic, after: begun.clone(), limit });
        let mut lowest = Lowest::new(limit);
        if let Some(client_id) = &query.client_id {
            let record = self.record(client_id).await?;
            self.search_sessions(record.as_slice(), &search, &mut lowest).await?;
        } else if query.filter.is_some() || query.topic.is_some() {
            self.search_filters(&search, &mut lowest).await?;
        } else {
            return self.search_all(place, &search, lowest, until).await;
        }
        if let (Some(_), Some(topic)) = (&query.filter, &query.topic) {
            lowest.found.retain(|_, item| item.matches(topic));
        }
        Ok(lowest.page(None))
    }

    /// Goes through all sessions in their order, until the page is full or time has passed.
    async fn search_all(
        &self,
        place: Option<Place>,
        search: &Arc<Search>,
        mut lowest: Lowest,
        until: Instant,
    ) -> Result<Page<SubscriptionView>, ViewError> {
        if let Some((client_id, _)) = &search.after {
            let record = self.record(client_id).await?;
            self.search_sessions(record.as_slice(), search, &mut lowest).await?;
        }
        let mut after = place.map(|place| place.client_id);
        let mut chunk = search.limit.min(SESSIONS_FIRST);
        while !lowest.is_full() && Instant::now() < until {
            let Part { items, more } = self.records(all_sessions(after, chunk), until).await?;
            self.search_sessions(&items, search, &mut lowest).await?;
            if more.is_none() {
                return Ok(lowest.page(None));
            }
            after = more;
            chunk = (chunk * 2).min(SESSIONS_AT_MOST);
        }
        Ok(lowest.page(after.map(|client_id| Place { client_id, filter: None })))
    }

    /// Searches what the sessions have subscribed to.
    async fn search_sessions(
        &self,
        sessions: &[SessionRecord],
        search: &Arc<Search>,
        lowest: &mut Lowest,
    ) -> Result<(), ViewError> {
        let mut steps = Vec::new();
        for partition in self.all().iter() {
            let touching = sessions.iter().filter(|session| session.touched.contains(partition));
            let clients = touching.map(|session| Arc::clone(&session.client_id));
            for clients in in_questions(clients, |client_id| client_id) {
                let step = ClientsStep { clients, search: Arc::clone(search), from: (0, usize::MAX) };
                steps.push((partition, step));
            }
        }
        while !steps.is_empty() {
            let mut pending = Vec::new();
            for (partition, step) in steps {
                let asked = step.clone();
                let posted = self.post(partition, |reply| Call::SubscriptionsOf(asked, reply)).await?;
                pending.push((partition, step, posted));
            }
            steps = Vec::new();
            for (partition, step, posted) in pending {
                let Found { items, more } = self.answer(posted).await?;
                items.into_iter().for_each(|item| lowest.add(item));
                steps.extend(more.map(|from| (partition, ClientsStep { from, ..step })));
            }
        }
        Ok(())
    }

    /// Searches who has subscribed to the filters that are wanted: all of them are at the home of the topic, or of the
    /// filter.
    async fn search_filters(&self, search: &Arc<Search>, lowest: &mut Lowest) -> Result<(), ViewError> {
        let home = match (&search.filter, &search.topic) {
            (Some(filter), _) => self.one_of(self.slots.homes_of_filter(filter))?,
            (None, topic) => topic.as_deref().map(|topic| self.slots.partition_of_topic(topic)),
        };
        let Some(home) = home else { return Ok(()) };
        let mut from = None;
        loop {
            let step = FiltersStep { search: Arc::clone(search), from };
            let Found { items, more } = self.ask(home, |reply| Call::SubscriptionsTo(step, reply)).await?;
            items.into_iter().for_each(|item| lowest.add(item));
            if more.is_none() {
                return Ok(());
            }
            from = more;
        }
    }
}

fn all_sessions(after: Option<Arc<str>>, limit: usize) -> SessionStep {
    SessionStep { after, prefix: "".into(), limit, kind: None, presence: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_whatever_the_names_hold() {
        for (client_id, filter) in [("c", Some("a/#")), ("12:x", Some("$share/g/a.b:c")), ("ü.", None), ("", Some("a"))]
        {
            let place = Place { client_id: client_id.into(), filter: filter.map(str::to_owned) };
            assert_eq!(Place::parse(&place.write()).unwrap(), place);
        }
        for text in ["", "c", "x:c", "2:c", "1:ü", "-1:c"] {
            assert!(matches!(Place::parse(text), Err(ViewError::Cursor(refused)) if refused == text), "{text}");
        }
    }
}
