//! How many sockets share the memory.

/// Changes that a processor collects before it passes them on (`SK_ALLOC_PERCPU_COUNTER_BATCH`).
const BATCH: i64 = 16;

/// The number of TCP sockets, listeners included (`tcp_sockets_allocated`). The fair share is computed from a counter that
/// each processor updates in batches only.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SocketCount {
    passed_on: i64,
    unseen: i64,
}

impl SocketCount {
    /// A socket comes into being.
    pub fn created(&mut self) {
        self.change(1);
    }

    /// A socket ceases to be.
    pub fn destroyed(&mut self) {
        self.change(-1);
    }

    /// What the kernel reckons with (`sk_sockets_allocated_read_positive`).
    pub fn approximate(self) -> u64 {
        self.passed_on.max(0) as u64
    }

    /// The exact number, as `sockstat` prints it.
    pub fn exact(self) -> u64 {
        (self.passed_on + self.unseen).max(0) as u64
    }

    fn change(&mut self, by: i64) {
        self.unseen += by;
        if self.unseen.abs() >= BATCH {
            self.passed_on += std::mem::take(&mut self.unseen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_reckons_with_whole_batches() {
        let mut n = SocketCount::default();
        (0..31).for_each(|_| n.created());
        assert_eq!((n.approximate(), n.exact()), (16, 31));
        (0..30).for_each(|_| n.destroyed());
        assert_eq!((n.approximate(), n.exact()), (16, 1));
        n.destroyed();
        assert_eq!((n.approximate(), n.exact()), (0, 0));
    }
}
