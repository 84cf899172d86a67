//! A budget of memory that threads share: who takes part of it waits until that much is free.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// So many bytes, of which parts are taken and given back. First come, first served: a large request is not kept
/// waiting by small ones that come after it.
#[derive(Debug)]
pub(super) struct Gate {
    total: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: u64,
    /// The number that the next request draws.
    next: u64,
    /// The number whose turn it is.
    turn: u64,
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    bytes: u64,
}

impl Gate {
    /// A budget of `total` bytes, all of them free.
    pub fn new(total: u64) -> Arc<Self> {
        let (free, next, turn) = (total, 0, 0);
        Arc::new(Self {
            total,
            state: Mutex::new(State { free, next, turn }),
            changed: Condvar::new(),
        })
    }

    /// Bytes altogether.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Waits for `bytes` and takes them. What is more than the whole budget takes the whole: it goes alone.
    pub fn take(self: &Arc<Self>, bytes: u64) -> Permit {
        let bytes = bytes.min(self.total);
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        while state.turn != number || state.free < bytes {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.free -= bytes;
        state.turn += 1;
        drop(state);
        self.changed.notify_all();
        Permit {
            gate: Arc::clone(self),
            bytes,
        }
    }

    /// The numbers are whole between any two statements, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.lock().free += self.bytes;
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn never_is_more_taken_than_there_is() {
        let gate = Gate::new(10);
        let (taken, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|threads| {
            for bytes in [1, 3, 4, 7, 10, 99] {
                let (gate, taken, most) = (&gate, &taken, &most);
                threads.spawn(move || {
                    for _ in 0..200 {
                        let permit = gate.take(bytes);
                        let now = taken.fetch_add(permit.bytes, Ordering::SeqCst) + permit.bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        taken.fetch_sub(permit.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 10);
        assert_eq!(gate.lock().free, 10);
    }

    #[test]
    fn a_large_request_is_served_in_its_turn() {
        let gate = Gate::new(2);
        let held = gate.take(1);
        let order = Mutex::new(Vec::new());
        let waiting = |count: u64| {
            while gate.lock().next < count {
                thread::yield_now();
            }
        };
        thread::scope(|threads| {
            for (number, bytes) in [(2, 2), (3, 1)] {
                let (gate, order) = (&gate, &order);
                threads.spawn(move || {
                    let _permit = gate.take(bytes);
                    order.lock().unwrap().push(bytes);
                });
                waiting(number);
            }
            drop(held);
        });
        assert_eq!(*order.lock().unwrap(), [2, 1]);
    }
}
