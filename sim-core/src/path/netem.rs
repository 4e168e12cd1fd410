//! What netem does to a packet beside delay and rate: which are lost, sent twice, sent at once or spread in time
//! (`netem_enqueue`).
//!
//! Each decision draws from a stream of its own, so that another jitter does not lose other packets.

use super::chance::{Coin, Draws, Spread};
use crate::config::{LinkConfig, Loss, Probability, Reorder};
use crate::rng::{Purpose, stream};

/// Which way a link goes: it has random streams of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the writing host to the reading one.
    Forward,
    /// Back.
    Reverse,
}

/// The copies of a packet that are to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Copies {
    /// The packet itself goes on.
    pub(super) original: bool,
    /// A second one goes through the link from its beginning.
    pub(super) duplicate: bool,
}

/// When a packet is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Departure {
    /// After the delay, so much earlier or later than it says, nanoseconds.
    Delayed(i64),
    /// At once, before all that wait.
    AtOnce,
}

/// The impairments of one direction.
#[derive(Clone, Debug)]
pub(super) struct Netem {
    loss: Losses,
    duplicate: Coin,
    spread: Option<Spread>,
    reorder: Option<Reordering>,
}

impl Netem {
    /// The impairments of `config`; `None` if it has none.
    pub(super) fn new(config: &LinkConfig, seed: u64, direction: Direction) -> Option<Self> {
        use Purpose::*;
        let plain = config.loss == Loss::None
            && config.duplicate.probability == Probability::NEVER
            && config.jitter.is_none()
            && config.reorder.is_none();
        if plain {
            return None;
        }
        let [loss, jitter, duplicate, reorder] = match direction {
            Direction::Forward => [LossForward, JitterForward, DuplicateForward, ReorderForward],
            Direction::Reverse => [LossReverse, JitterReverse, DuplicateReverse, ReorderReverse],
        }
        .map(|purpose| stream(seed, purpose, 0));
        Some(Self {
            loss: Losses::new(&config.loss, loss),
            duplicate: Coin::new(config.duplicate, duplicate),
            spread: config.jitter.map(|j| Spread::new(j, jitter)),
            reorder: config.reorder.map(|r| Reordering::new(r, reorder)),
        })
    }

    /// Whether packets can leave in another order than they entered.
    pub(super) fn reorders(&self) -> bool {
        self.spread.is_some() || self.reorder.is_some()
    }

    /// What becomes of a packet that enters. A loss takes one of two copies; `again` says that the packet is
    /// itself a copy, which is not copied once more.
    pub(super) fn enter(&mut self, again: bool) -> Copies {
        let twice = !again && self.duplicate.toss();
        let lost = self.loss.next();
        Copies { original: twice || !lost, duplicate: twice && !lost }
    }

    /// When a packet that found room leaves.
    pub(super) fn departure(&mut self) -> Departure {
        if self.reorder.as_mut().is_some_and(Reordering::overtakes) {
            return Departure::AtOnce;
        }
        Departure::Delayed(self.spread.as_mut().map_or(0, Spread::next))
    }
}

/// Which packets are lost.
#[derive(Clone, Debug)]
enum Losses {
    None,
    Random(Coin),
    Every { every: u32, seen: u32 },
    Listed { numbers: Vec<u64>, next: usize, seen: u64 },
    GilbertElliott { p: u32, r: u32, h: u32, k: u32, bad: bool, draws: Draws },
}

impl Losses {
    fn new(loss: &Loss, rng: rand_chacha::ChaCha8Rng) -> Self {
        match *loss {
            Loss::None | Loss::Every(0) => Self::None,
            Loss::Random(chance) => Self::Random(Coin::new(chance, rng)),
            Loss::Every(every) => Self::Every { every, seen: 0 },
            Loss::Listed(ref numbers) => Self::Listed { numbers: numbers.clone(), next: 0, seen: 0 },
            Loss::GilbertElliott { p, r, h, k } => Self::GilbertElliott {
                p: p.0,
                r: r.0,
                h: h.0,
                k: k.0,
                bad: false,
                draws: Draws::new(rng, Probability::NEVER),
            },
        }
    }

    /// Whether the next packet is lost.
    fn next(&mut self) -> bool {
        match self {
            Self::None => false,
            Self::Random(coin) => coin.toss(),
            Self::Every { every, seen } => {
                *seen += 1;
                if *seen == *every {
                    *seen = 0;
                }
                *seen == 0
            }
            Self::Listed { numbers, next, seen } => {
                *seen += 1;
                let lost = numbers.get(*next) == Some(seen);
                *next += usize::from(lost);
                lost
            }
            Self::GilbertElliott { p, r, h, k, bad, draws } => {
                // First the state may change, then a packet of the state before is lost or not
                // (`loss_gilb_ell`).
                let was_bad = *bad;
                let (change, kept) = if was_bad { (*r, *h) } else { (*p, *k) };
                if draws.plain() < change {
                    *bad = !*bad;
                }
                draws.plain() > kept
            }
        }
    }
}

/// Which packets overtake.
#[derive(Clone, Debug)]
struct Reordering {
    coin: Coin,
    gap: u32,
    /// Packets delayed since the last that overtook.
    delayed: u32,
}

impl Reordering {
    fn new(reorder: Reorder, rng: rand_chacha::ChaCha8Rng) -> Self {
        Self { coin: Coin::new(reorder.chance, rng), gap: reorder.gap.max(1), delayed: 0 }
    }

    fn overtakes(&mut self) -> bool {
        if self.delayed < self.gap - 1 || !self.coin.toss() {
            self.delayed = self.delayed.saturating_add(1);
            return false;
        }
        self.delayed = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Chance, Distribution, Jitter};
    use crate::time::SimDuration;

    fn percent(n: u64) -> Probability {
        Probability::of(n, 100)
    }

    fn chance(n: u64) -> Chance {
        Chance { probability: percent(n), correlation: Probability::NEVER }
    }

    fn netem(config: LinkConfig, seed: u64) -> Netem {
        Netem::new(&config, seed, Direction::Forward).unwrap()
    }

    fn with(loss: Loss) -> LinkConfig {
        LinkConfig { loss, ..LinkConfig::default() }
    }

    /// Which of the first `n` packets are lost.
    fn lost(config: LinkConfig, seed: u64, n: usize) -> Vec<usize> {
        let mut netem = netem(config, seed);
        (1..=n).filter(|_| !netem.enter(false).original).collect()
    }

    #[test]
    fn a_link_without_impairments_has_none() {
        assert!(Netem::new(&LinkConfig::default(), 1, Direction::Forward).is_none());
    }

    #[test]
    fn random_loss_meets_its_rate_and_depends_on_seed_and_direction() {
        let config = with(Loss::Random(chance(2)));
        let first = lost(config.clone(), 1, 100_000);
        // 2000 expected; five standard deviations are 221.
        assert!((1_779..=2_221).contains(&first.len()), "{}", first.len());
        assert_eq!(lost(config.clone(), 1, 100_000), first);
        assert_ne!(lost(config.clone(), 2, 100_000), first);
        let mut back = Netem::new(&config, 1, Direction::Reverse).unwrap();
        let reverse: Vec<usize> = (1..=100_000).filter(|_| !back.enter(false).original).collect();
        assert_ne!(reverse, first);
    }

    #[test]
    fn correlated_loss_comes_in_bursts() {
        let correlated = Chance { probability: percent(30), correlation: percent(50) };
        let repeats = |v: &[usize]| v.windows(2).filter(|w| w[1] == w[0] + 1).count() * 1_000 / v.len();
        let (plain, bursty) = (
            lost(with(Loss::Random(chance(30))), 1, 20_000),
            lost(with(Loss::Random(correlated)), 1, 20_000),
        );
        assert!(repeats(&bursty) > repeats(&plain) + 50, "{} {}", repeats(&bursty), repeats(&plain));
    }

    #[test]
    fn every_nth_and_listed_packets_are_lost_by_their_number() {
        assert_eq!(lost(with(Loss::Every(100)), 1, 350), [100, 200, 300]);
        assert_eq!(lost(with(Loss::Every(1)), 1, 3), [1, 2, 3]);
        assert_eq!(lost(with(Loss::Listed(vec![5, 9])), 1, 20), [5, 9]);
    }

    #[test]
    fn the_two_states_lose_their_stationary_share_in_bursts() {
        let [p, r] = [percent(1), percent(10)];
        let gilbert = with(Loss::GilbertElliott { p, r, h: Probability::NEVER, k: Probability::ALWAYS });
        let all = lost(gilbert, 3, 400_000);
        // p / (p + r) = 9.09 %: 36364; a burst lasts 1 / r = 10 packets on average.
        assert!((34_500..=38_200).contains(&all.len()), "{}", all.len());
        let bursts = 1 + all.windows(2).filter(|w| w[1] != w[0] + 1).count();
        let length = all.len() * 10 / bursts;
        assert!((93..=107).contains(&length), "{length} tenths of a packet");
        // With losses in both states: 1/11 of 60 % and 10/11 of 5 % are 10 %.
        let elliott = with(Loss::GilbertElliott { p, r, h: percent(40), k: percent(95) });
        let all = lost(elliott, 3, 400_000).len();
        // The states last long: a standard deviation is 415.
        assert!((38_000..=42_000).contains(&all), "{all}");
    }

    #[test]
    fn more_jitter_does_not_lose_other_packets() {
        let loss = Loss::Random(chance(5));
        let jitter = Jitter {
            mean: SimDuration::from_millis(3),
            correlation: Probability::NEVER,
            distribution: Distribution::Normal,
        };
        let plain = lost(with(loss.clone()), 9, 5_000);
        let reorder = Some(Reorder { chance: chance(25), gap: 2 });
        let mut all = netem(LinkConfig { jitter: Some(jitter), reorder, ..with(loss) }, 9);
        let mut with_jitter = Vec::new();
        for n in 1..=5_000 {
            if all.enter(false).original {
                all.departure();
            } else {
                with_jitter.push(n);
            }
        }
        assert_eq!(with_jitter, plain);
    }

    #[test]
    fn a_gap_lets_every_nth_packet_overtake() {
        let reorder = Some(Reorder { chance: chance(100), gap: 5 });
        let mut n = netem(LinkConfig { reorder, ..LinkConfig::default() }, 1);
        let early: Vec<_> = (1..=20).filter(|_| n.departure() == Departure::AtOnce).collect();
        assert_eq!(early, [5, 10, 15, 20]);
    }

    #[test]
    fn a_probability_alone_lets_its_share_overtake() {
        let reorder = Some(Reorder { chance: chance(25), gap: 1 });
        let mut n = netem(LinkConfig { reorder, ..LinkConfig::default() }, 1);
        let early = (0..40_000).filter(|_| n.departure() == Departure::AtOnce).count();
        assert!((9_560..=10_440).contains(&early), "{early}");
    }

    #[test]
    fn a_loss_takes_one_of_two_copies() {
        let mut n = netem(LinkConfig { duplicate: chance(100), ..with(Loss::Every(2)) }, 1);
        assert_eq!(n.enter(false), Copies { original: true, duplicate: true });
        assert_eq!(n.enter(true), Copies { original: false, duplicate: false });
        assert_eq!(n.enter(false), Copies { original: true, duplicate: true });
        let mut n = netem(LinkConfig { duplicate: chance(100), ..with(Loss::Every(1)) }, 1);
        assert_eq!(n.enter(false), Copies { original: true, duplicate: false });
    }
}
