//! The counters, under the names of `nstat`.

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident = $nstat:literal,)*) => {
        /// Counters of one host, as `nstat` prints them.
        #[derive(Clone, PartialEq, Eq, Default, Debug)]
        pub struct Counters {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Counters {
            /// The `nstat` names, in the order of [`Counters::values`].
            pub const NAMES: &'static [&'static str] = &[$($nstat),*];

            /// The values, in the order of [`Counters::NAMES`].
            pub fn values(&self) -> [u64; Self::NAMES.len()] {
                let Self { $($field),* } = self;
                [$(*$field),*]
            }

            /// The counter with this `nstat` name (with or without the `TcpExt` or `Tcp` prefix).
            pub fn get(&self, name: &str) -> Option<u64> {
                let at = Self::NAMES.iter().position(|n| {
                    *n == name || n.strip_prefix("TcpExt") == Some(name) || n.strip_prefix("Tcp") == Some(name)
                })?;
                Some(self.values()[at])
            }

            /// The counters of both hosts together, as a network namespace that holds both ends counts them.
            #[must_use]
            pub fn plus(&self, o: &Self) -> Self {
                Self { $($field: self.$field + o.$field),* }
            }

            /// What was added since `before`.
            #[must_use]
            pub fn minus(&self, before: &Self) -> Self {
                Self { $($field: self.$field - before.$field),* }
            }
        }
    };
}

counters! {
    /// Segments received.
    in_segs = "TcpInSegs",
    /// Segments sent, retransmissions excluded.
    out_segs = "TcpOutSegs",
    /// Segments retransmitted.
    retrans_segs = "TcpRetransSegs",
    /// Data segments that passed header prediction.
    hp_hits = "TcpExtTCPHPHits",
    /// Pure ACKs that took the slow path.
    pure_acks = "TcpExtTCPPureAcks",
    /// Pure ACKs that passed header prediction.
    hp_acks = "TcpExtTCPHPAcks",
    /// skbs merged into an older one, in the receive or the out-of-order queue.
    rcv_coalesce = "TcpExtTCPRcvCoalesce",
    /// skbs removed by collapse.
    rcv_collapsed = "TcpExtTCPRcvCollapsed",
    /// In-order segments dropped for want of memory.
    rcvq_drop = "TcpExtTCPRcvQDrop",
    /// Out-of-order segments queued.
    ofo_queue = "TcpExtTCPOFOQueue",
    /// Out-of-order segments dropped for want of memory.
    ofo_drop = "TcpExtTCPOFODrop",
    /// Out-of-order segments that an overlap made redundant.
    ofo_merge = "TcpExtTCPOFOMerge",
    /// Calls of the prune procedure.
    prune_called = "TcpExtPruneCalled",
    /// Prunes that could not make room.
    rcv_pruned = "TcpExtRcvPruned",
    /// Prunes of the out-of-order queue.
    ofo_pruned = "TcpExtOfoPruned",
    /// In-order segments dropped because the advertised window was zero.
    zero_window_drop = "TcpExtTCPZeroWindowDrop",
    /// Advertised windows that became zero.
    to_zero_window_adv = "TcpExtTCPToZeroWindowAdv",
    /// Advertised windows that left zero.
    from_zero_window_adv = "TcpExtTCPFromZeroWindowAdv",
    /// Windows that should have been zero but must not shrink.
    want_zero_window_adv = "TcpExtTCPWantZeroWindowAdv",
    /// Segments (6.17 and later) that end beyond the window.
    beyond_window = "TcpExtBeyondWindow",
    /// Segments dropped because the backlog was full.
    backlog_drop = "TcpExtTCPBacklogDrop",
    /// Segments merged in the backlog.
    backlog_coalesce = "TcpExtTCPBacklogCoalesce",
    /// ACKs sent by the delayed-ACK timer.
    delayed_acks = "TcpExtDelayedACKs",
    /// Delayed-ACK timers that found the socket owned.
    delayed_ack_locked = "TcpExtDelayedACKLocked",
    /// Duplicate segments that suggest a lost ACK.
    delayed_ack_lost = "TcpExtDelayedACKLost",
    /// DSACKs sent for old data.
    dsack_old_sent = "TcpExtTCPDSACKOldSent",
    /// DSACKs sent for out-of-order data.
    dsack_ofo_sent = "TcpExtTCPDSACKOfoSent",
    /// DSACKs received for old data.
    dsack_recv = "TcpExtTCPDSACKRecv",
    /// ACKs saved by compression.
    ack_compressed = "TcpExtTCPAckCompressed",
    /// Duplicate ACKs suppressed by the rate limit: sequence out of window.
    ack_skipped_seq = "TcpExtTCPACKSkippedSeq",
    /// Duplicate ACKs suppressed by the rate limit: PAWS.
    ack_skipped_paws = "TcpExtTCPACKSkippedPAWS",
    /// Duplicate ACKs suppressed by the rate limit: challenge ACKs.
    ack_skipped_challenge = "TcpExtTCPACKSkippedChallenge",
    /// ACKs sent to ask about a segment that could be forged.
    challenge_ack = "TcpExtTCPChallengeACK",
    /// SYNs that arrived on a connection that exists.
    syn_challenge = "TcpExtTCPSYNChallenge",
    /// Segments dropped by PAWS.
    paws_estab = "TcpExtPAWSEstab",
    /// Old pure ACKs dropped by PAWS (7.x).
    paws_old_ack = "TcpExtPAWSOldAck",
    /// Entries into memory pressure.
    memory_pressures = "TcpExtTCPMemoryPressures",
    /// Milliseconds under memory pressure.
    memory_pressures_chrono = "TcpExtTCPMemoryPressuresChrono",
    /// Retransmission timeouts.
    timeouts = "TcpExtTCPTimeouts",
    /// Tail loss probes sent.
    loss_probes = "TcpExtTCPLossProbes",
    /// Losses repaired by a tail loss probe.
    loss_probe_recovery = "TcpExtTCPLossProbeRecovery",
    /// Retransmissions that were lost again.
    lost_retransmit = "TcpExtTCPLostRetransmit",
    /// Fast retransmissions.
    fast_retrans = "TcpExtTCPFastRetrans",
    /// Retransmissions in slow start (loss state).
    slow_start_retrans = "TcpExtTCPSlowStartRetrans",
    /// Recoveries entered by SACK.
    sack_recovery = "TcpExtTCPSackRecovery",
    /// Recoveries entered without SACK.
    reno_recovery = "TcpExtTCPRenoRecovery",
    /// Timeouts found spurious by F-RTO.
    spurious_rtos = "TcpExtTCPSpuriousRTOs",
    /// Recoveries undone when all of them was acknowledged.
    full_undo = "TcpExtTCPFullUndo",
    /// Recoveries undone when a part was acknowledged.
    partial_undo = "TcpExtTCPPartialUndo",
    /// Recoveries undone by DSACKs.
    dsack_undo = "TcpExtTCPDSACKUndo",
    /// Timeouts undone.
    loss_undo = "TcpExtTCPLossUndo",
    /// Reordering found by SACK.
    sack_reorder = "TcpExtTCPSACKReorder",
    /// Reordering found by duplicate ACKs.
    reno_reorder = "TcpExtTCPRenoReorder",
    /// Reordering found by timestamps.
    ts_reorder = "TcpExtTCPTSReorder",
    /// Data reported by SACK that the receiver dropped again.
    sack_reneging = "TcpExtTCPSACKReneging",
    /// DSACKs received for out-of-order data.
    dsack_ofo_recv = "TcpExtTCPDSACKOfoRecv",
    /// DSACKs for more than was retransmitted.
    dsack_ignored_dubious = "TcpExtTCPDSACKIgnoredDubious",
    /// Retransmissions that did not leave the host: its queueing discipline refused them.
    retrans_fail = "TcpExtTCPRetransFail",
    /// Retransmissions not made because the packet still waits in a queue of its own host.
    spurious_rtx_host_queues = "TcpExtTCPSpuriousRtxHostQueues",
    /// SYNs and SYN-ACKs sent again.
    syn_retrans = "TcpExtTCPSynRetrans",
    /// Connections given up because nothing was acknowledged for too long.
    abort_on_timeout = "TcpExtTCPAbortOnTimeout",
    /// Zero-window probes sent.
    win_probe = "TcpExtTCPWinProbe",
    /// Keepalives sent.
    keep_alive = "TcpExtTCPKeepAlive",
    /// Writes held back by autocorking.
    auto_corking = "TcpExtTCPAutoCorking",
    /// Resets sent.
    out_rsts = "TcpOutRsts",
    /// Connections reset because a program closed with unread data.
    abort_on_close = "TcpExtTCPAbortOnClose",
    /// Connections reset because data came that nobody will read, or because a program wanted it (`SO_LINGER` 0).
    abort_on_data = "TcpExtTCPAbortOnData",
    /// Orphans reset because there were too many, or too little memory.
    abort_on_memory = "TcpExtTCPAbortOnMemory",
    /// Records of ended connections that ran out.
    time_waited = "TcpExtTW",
    /// Connections ended without a record, because there were too many.
    time_wait_overflow = "TcpExtTCPTimeWaitOverflow",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_with_and_without_its_prefix() {
        let c = Counters { rcvq_drop: 3, in_segs: 7, ..Counters::default() };
        assert_eq!(c.get("TcpExtTCPRcvQDrop"), Some(3));
        assert_eq!(c.get("TCPRcvQDrop"), Some(3));
        assert_eq!(c.get("InSegs"), Some(7));
        assert_eq!(c.get("RcvQDrop"), None);
    }
}
