//! The defaults that a kernel computes from its memory when it boots.

/// Bytes of memory per bucket of the table of established connections (`thash_entries`: scale 17).
const BYTES_PER_BUCKET: u64 = 128 << 10;
/// The most buckets that table gets.
const MAX_BUCKETS: u64 = 512 << 10;
/// Bytes per page.
const PAGE: u64 = 4096;

/// What `tcp_init` and `tcp_init_mem` derive from the size of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryDefaults {
    /// `net.ipv4.tcp_mem`, pages.
    pub tcp_mem: [u64; 3],
    /// `net.ipv4.tcp_rmem[2]`, bytes.
    pub rmem_max: u32,
    /// `net.ipv4.tcp_wmem[2]`, bytes.
    pub wmem_max: u32,
    /// `net.ipv4.tcp_max_orphans` and `net.ipv4.tcp_max_tw_buckets`.
    pub max_orphans: u64,
}

impl MemoryDefaults {
    /// From the pages that buffers could take at boot (`nr_free_buffer_pages`) and the machine's memory, bytes;
    /// `rmem_cap`: the kernel's own bound on `tcp_rmem[2]`, bytes.
    pub fn new(free_buffer_pages: u64, ram: u64, rmem_cap: u32) -> Self {
        let limit = (free_buffer_pages / 16).max(128);
        let low = limit / 4 * 3;
        let share = (free_buffer_pages << 5).min(u64::from(u32::MAX)) as u32;
        let buckets = (ram / BYTES_PER_BUCKET).clamp(1, MAX_BUCKETS);
        // Tables are rounded up to a power of two.
        let buckets = buckets.next_power_of_two().min(MAX_BUCKETS);
        Self {
            tcp_mem: [low, limit, 2 * low],
            rmem_max: rmem_cap.min(share).max(131_072),
            wmem_max: (4 << 20).min(share).max(65_536),
            max_orphans: buckets / 2,
        }
    }

    /// From the machine's memory alone, bytes. What the kernel had taken for itself by then is estimated
    /// ([`free_buffer_pages`]), an estimate from two machines that nothing else has confirmed.
    pub fn of_ram(ram: u64, rmem_cap: u32) -> Self {
        Self::new(free_buffer_pages(ram), ram, rmem_cap)
    }
}

/// Estimates the pages that buffers can take when TCP initialises (`nr_free_buffer_pages`) on a machine with `ram` bytes.
pub fn free_buffer_pages(ram: u64) -> u64 {
    let pages = ram / PAGE;
    pages.saturating_sub(pages * 348 / 10_000 + 20_740)
}
