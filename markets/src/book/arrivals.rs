//! Messages in flight: each arrives its sender's latency after it was sent, ties in the order of sending.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A message and when it arrives.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Flight<T> {
    due_us: u64,
    sequence: u64,
    message: T,
}

/// Order of arrival: no two are equal, so a heap of them has one order.
impl<T> Ord for Flight<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due_us, self.sequence).cmp(&(other.due_us, other.sequence))
    }
}
impl<T> PartialOrd for Flight<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> PartialEq for Flight<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl<T> Eq for Flight<T> {}

/// A queue of messages by time of arrival, in microseconds.
#[derive(Clone, Debug)]
pub struct Arrivals<T> {
    heap: BinaryHeap<Reverse<Flight<T>>>,
    sent: u64,
}

impl<T> Default for Arrivals<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), sent: 0 }
    }
}

impl<T> Arrivals<T> {
    /// An empty queue with memory for so many messages in flight.
    #[must_use]
    pub fn with_capacity(messages: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(messages), sent: 0 }
    }
    /// Sends a message that arrives at `due_us`.
    #[inline]
    pub fn send(&mut self, due_us: u64, message: T) {
        self.heap.push(Reverse(Flight { due_us, sequence: self.sent, message }));
        self.sent += 1;
    }
    /// The next message that has arrived by `until_us`, and when it did.
    #[inline]
    pub fn next_by(&mut self, until_us: u64) -> Option<(u64, T)> {
        if self.heap.peek()?.0.due_us > until_us {
            return None;
        }
        self.heap.pop().map(|Reverse(flight)| (flight.due_us, flight.message))
    }
    /// Messages in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }
    /// Whether none is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// What is in flight, in order of arrival: a heap's own order is an accident.
    fn sorted(&self) -> Vec<&Flight<T>> {
        let mut flights: Vec<_> = self.heap.iter().map(|Reverse(flight)| flight).collect();
        flights.sort_unstable();
        flights
    }
}

impl<T: PartialEq> PartialEq for Arrivals<T> {
    fn eq(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.sorted(), other.sorted());
        self.sent == other.sent
            && mine == theirs
            && mine.iter().zip(&theirs).all(|(a, b)| a.message == b.message)
    }
}

impl<T: Serialize> Serialize for Arrivals<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.sent, self.sorted()).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Arrivals<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (sent, flights) = <(u64, Vec<Flight<T>>)>::deserialize(deserializer)?;
        Ok(Self { heap: flights.into_iter().map(Reverse).collect(), sent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_by_time_and_then_as_sent() {
        let mut queue = Arrivals::with_capacity(4);
        for (due, name) in [(30, 'a'), (10, 'b'), (30, 'c'), (20, 'd'), (10, 'e')] {
            queue.send(due, name);
        }
        let saved = postcard::to_stdvec(&queue).expect("plain data");
        let mut again: Arrivals<char> = postcard::from_bytes(&saved).expect("what was saved");
        assert_eq!(again, queue);
        let mut order = |until| {
            let mut names = String::new();
            while let Some((due, name)) = queue.next_by(until) {
                assert_eq!(again.next_by(until), Some((due, name)));
                names.push(name);
            }
            names
        };
        assert_eq!(order(9), "");
        assert_eq!(order(20), "bed");
        assert_eq!(order(u64::MAX), "ac");
        assert!(queue.is_empty());
    }
}
