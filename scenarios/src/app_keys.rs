//! The keys of `write` and `read`, mode by mode.

use crate::keys::{DAY, Key, Kind, Mode, S, UNLIMITED, bytes, count, key, size, time};

const START_WRITE: Key = key(
    "start",
    time(0, DAY),
    "0s",
    "First call, counted from the moment at which `connect` or `accept` returns; of the sender's program from `accept` with `host.one_thread`.",
);
const TOTAL: Key = key(
    "bytes",
    Kind::Size { min: 1, max: 1 << 50, bare: true, unlimited: true },
    UNLIMITED,
    "Bytes in all.",
);
const CLOSE: Key = key(
    "close",
    Kind::Switch,
    "off",
    "The program closes the socket when it is done: a FIN follows the last byte, or a reset if something is unread.",
);
const HALF_CLOSE: Key = key(
    "half_close",
    Kind::Switch,
    "off",
    "The program ends its writing half when it is done, and reads on: a FIN follows the last byte.",
);

/// `write`.
pub(crate) static WRITE: &[Mode] = &[
    Mode {
        name: "burst",
        doc: "As much as the send buffer takes.",
        supported: true,
        keys: &[
            TOTAL,
            key("call", size(1, 1 << 30), "16MiB", "Bytes per `send`."),
            key(
                "retry",
                time(0, 3_600 * S),
                "0s",
                "Wait after a call that would block; 0: until the socket is writable.",
            ),
            START_WRITE,
            CLOSE,
            HALF_CLOSE,
        ],
    },
    Mode {
        name: "chunks",
        doc: "Small writes in turn.",
        supported: true,
        keys: &[
            key("sizes", Kind::SizeList { min: 1, max: 1 << 30 }, "", "Bytes of the writes in turn."),
            key("every", time(1, 3_600 * S), "1ms", "Time between two writes."),
            key(
                "in_flight",
                count(0, u32::MAX as u64),
                "10",
                "A write is left out while more packets than this are in flight (`tcpi_unacked`).",
            ),
            key("prefill", size(0, 1 << 30), "0B", "Bytes written in one call before the first chunk."),
            TOTAL,
            START_WRITE,
            key(
                "receiver_quickack",
                Kind::Switch,
                "off",
                "After each chunk the receiver sets TCP_QUICKACK (both ends are one program).",
            ),
            CLOSE,
            HALF_CLOSE,
        ],
    },
    Mode {
        name: "paced",
        doc: "A constant rate; what a full socket did not take in time follows at once when it has room.",
        supported: true,
        keys: &[
            key("rate", Kind::Rate, "", "Bits per second of payload."),
            key("call", size(1, 1 << 30), "16KiB", "Bytes per `send`."),
            TOTAL,
            START_WRITE,
            CLOSE,
            HALF_CLOSE,
        ],
    },
    Mode {
        name: "request-response",
        doc: "Requests, each of which waits for the whole answer to the one before; the other program answers.",
        supported: true,
        keys: &[
            key("request", bytes(1, 1 << 30), "", "Bytes of a request."),
            key("response", bytes(1, 1 << 30), "", "Bytes of the answer."),
            key("think", time(0, 3_600 * S), "0s", "From the end of an answer to the next request."),
            key(
                "service",
                time(0, 3_600 * S),
                "0s",
                "From the last byte of a request that was read to its answer.",
            ),
            key("count", count(1, 1 << 32), "", "Requests in all; endless if it is not given."),
            START_WRITE,
            CLOSE,
            HALF_CLOSE,
        ],
    },
    Mode {
        name: "file",
        doc: "A file in pieces as `sendfile` hands it over, as fast as the socket takes them; then the socket is closed.",
        supported: true,
        keys: &[
            key("bytes", bytes(1, 1 << 50), "", "Bytes of the file."),
            key("piece", size(1, 1 << 30), "64KiB", "Bytes per piece; `sendfile` moves 16 pages at a time."),
            START_WRITE,
            key(
                "close",
                Kind::Switch,
                "on",
                "The program closes the socket when it is done: a FIN follows the last byte, or a reset if something is unread.",
            ),
            HALF_CLOSE,
        ],
    },
    Mode { name: "never", doc: "Nothing.", supported: true, keys: &[] },
];

const START_READ: Key = key("start", time(0, DAY), "0s", "First read, counted from the start of the writer.");
const CLOSE_AT_END: Key =
    key("close", Kind::Switch, "off", "The program closes the socket when it has met the end of the stream.");
const CLOSE_AFTER: Key = key(
    "close_after",
    bytes(1, 1 << 50),
    "",
    "The program closes the socket once it has read so many bytes; with unread data that is a reset.",
);

/// `read`.
pub(crate) static READ: &[Mode] = &[
    Mode {
        name: "never",
        doc: "Nothing: everything stays in the receive queue.",
        supported: true,
        keys: &[],
    },
    Mode {
        name: "fixed",
        doc: "The same amount at regular times.",
        supported: true,
        keys: &[
            key("bytes", bytes(1, 1 << 30), "", "Bytes per `recv`."),
            key("every", time(1, 3_600 * S), "", "Time between two reads."),
            START_READ,
            CLOSE_AT_END,
            CLOSE_AFTER,
        ],
    },
    Mode {
        name: "asap",
        doc: "Whatever is there as soon as the socket is readable, which SO_RCVLOWAT decides.",
        supported: true,
        keys: &[
            key("buffer", size(1, 1 << 30), "64KiB", "Bytes per `recv`."),
            START_READ,
            key(
                "cost",
                time(0, 3_600 * S),
                "0s",
                "What the program does after each call before it calls again.",
            ),
            key(
                "rate",
                Kind::Rate,
                UNLIMITED,
                "Bits per second that the program works through: it reads again when it is done with what it read.",
            ),
            key("stall", Kind::Section(STALL), "", "Regular pauses."),
            CLOSE_AT_END,
            CLOSE_AFTER,
        ],
    },
    Mode {
        name: "plan",
        doc: "Reads at given times.",
        supported: true,
        keys: &[
            key("reads", Kind::List(PLANNED_READ), "", "The reads in order of time."),
            CLOSE_AT_END,
            CLOSE_AFTER,
        ],
    },
    Mode {
        name: "echo",
        doc: "As soon as the socket is readable; everything is written back before the next read.",
        supported: true,
        keys: &[
            key("buffer", size(1, 1 << 30), "16KiB", "Bytes per `recv`."),
            START_READ,
            CLOSE_AT_END,
            CLOSE_AFTER,
        ],
    },
];

/// `read.stall`.
pub(crate) static STALL: &[Key] = &[
    key(
        "every",
        time(1, DAY),
        "",
        "From the begin of one pause to the next; the first begins so long after the first read is allowed.",
    ),
    key("for", time(1, DAY), "", "How long each lasts; less than `every`."),
];

/// One of `read.reads`.
pub(crate) static PLANNED_READ: &[Key] = &[
    key("at", time(0, DAY), "", "When, counted from the start of the writer."),
    key("bytes", bytes(1, 1 << 30), "", "Bytes."),
];
