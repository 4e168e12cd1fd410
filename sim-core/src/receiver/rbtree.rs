//! The out-of-order queue: a red-black tree of skbs ordered by sequence number.
//!
//! A search tree of the standard library would hold the same skbs, but the kernel *looks at* the skbs on the
//! search path (it tries to merge onto each of them, and the path decides which overlap a DSACK reports), and
//! the path depends on the shape of the tree. So the tree is here, with the insertion and deletion of the
//! textbook (Cormen et al., chapter 13), which give the shapes of `lib/rbtree.c`.
//!
//! Nodes live in a slab and are named by index; freed slots are used again.

use crate::seq::Seq;
use crate::skb::Skb;

/// Names a node.
pub(crate) type NodeId = u32;

/// "No node".
pub(crate) const NIL: NodeId = u32::MAX;

#[derive(Clone, Debug)]
struct Node {
    skb: Skb,
    parent: NodeId,
    left: NodeId,
    right: NodeId,
    red: bool,
}

/// The tree.
#[derive(Clone, Debug)]
pub(crate) struct SkbTree {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    root: NodeId,
}

impl Default for SkbTree {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: NIL }
    }
}

/// A place where a node can be hung in: below `parent`, or as the root of an empty tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) parent: NodeId,
    pub(crate) left: bool,
}

impl SkbTree {
    pub(crate) fn is_empty(&self) -> bool {
        self.root == NIL
    }

    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    pub(crate) fn get(&self, n: NodeId) -> &Skb {
        &self.nodes[n as usize].skb
    }

    pub(crate) fn get_mut(&mut self, n: NodeId) -> &mut Skb {
        &mut self.nodes[n as usize].skb
    }

    pub(crate) fn left(&self, n: NodeId) -> NodeId {
        self.nodes[n as usize].left
    }

    pub(crate) fn right(&self, n: NodeId) -> NodeId {
        self.nodes[n as usize].right
    }

    fn node(&self, n: NodeId) -> &Node {
        &self.nodes[n as usize]
    }

    fn node_mut(&mut self, n: NodeId) -> &mut Node {
        &mut self.nodes[n as usize]
    }

    fn is_red(&self, n: NodeId) -> bool {
        n != NIL && self.node(n).red
    }

    fn extreme(&self, mut n: NodeId, left: bool) -> NodeId {
        while n != NIL {
            let next = if left { self.left(n) } else { self.right(n) };
            if next == NIL {
                break;
            }
            n = next;
        }
        n
    }

    /// The lowest skb.
    pub(crate) fn first(&self) -> NodeId {
        self.extreme(self.root, true)
    }

    /// The highest skb.
    pub(crate) fn last(&self) -> NodeId {
        self.extreme(self.root, false)
    }

    fn neighbour(&self, n: NodeId, forward: bool) -> NodeId {
        let down = if forward { self.right(n) } else { self.left(n) };
        if down != NIL {
            return self.extreme(down, forward);
        }
        let (mut child, mut up) = (n, self.node(n).parent);
        while up != NIL {
            let came_from = if forward { self.right(up) } else { self.left(up) };
            if came_from != child {
                break;
            }
            child = up;
            up = self.node(up).parent;
        }
        up
    }

    /// The next higher skb.
    pub(crate) fn next(&self, n: NodeId) -> NodeId {
        self.neighbour(n, true)
    }

    /// The next lower skb.
    pub(crate) fn prev(&self, n: NodeId) -> NodeId {
        self.neighbour(n, false)
    }

    fn alloc(&mut self, skb: Skb, parent: NodeId) -> NodeId {
        let node = Node { skb, parent, left: NIL, right: NIL, red: true };
        match self.free.pop() {
            Some(n) => {
                self.nodes[n as usize] = node;
                n
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as NodeId
            }
        }
    }

    /// Hangs `skb` in at `slot` and restores the balance.
    pub(crate) fn insert_at(&mut self, slot: Slot, skb: Skb) -> NodeId {
        let n = self.alloc(skb, slot.parent);
        if slot.parent == NIL {
            debug_assert!(self.root == NIL);
            self.root = n;
        } else if slot.left {
            self.node_mut(slot.parent).left = n;
        } else {
            self.node_mut(slot.parent).right = n;
        }
        self.balance_after_insert(n);
        n
    }

    /// Inserts by sequence number; equal numbers go to the right (`tcp_rbtree_insert`).
    pub(crate) fn insert(&mut self, skb: Skb) -> NodeId {
        let mut slot = Slot { parent: NIL, left: false };
        let mut n = self.root;
        while n != NIL {
            let left = skb.seq < self.get(n).seq;
            slot = Slot { parent: n, left };
            n = if left { self.left(n) } else { self.right(n) };
        }
        self.insert_at(slot, skb)
    }

    fn replace_child(&mut self, parent: NodeId, old: NodeId, new: NodeId) {
        if parent == NIL {
            self.root = new;
        } else if self.left(parent) == old {
            self.node_mut(parent).left = new;
        } else {
            self.node_mut(parent).right = new;
        }
    }

    /// Rotates `n` down to its left or right.
    fn rotate(&mut self, n: NodeId, to_left: bool) {
        let up = if to_left { self.right(n) } else { self.left(n) };
        let inner = if to_left { self.left(up) } else { self.right(up) };
        let parent = self.node(n).parent;
        if to_left {
            self.node_mut(n).right = inner;
            self.node_mut(up).left = n;
        } else {
            self.node_mut(n).left = inner;
            self.node_mut(up).right = n;
        }
        if inner != NIL {
            self.node_mut(inner).parent = n;
        }
        self.node_mut(up).parent = parent;
        self.node_mut(n).parent = up;
        self.replace_child(parent, n, up);
    }

    fn balance_after_insert(&mut self, mut n: NodeId) {
        loop {
            let parent = self.node(n).parent;
            if !self.is_red(parent) {
                break;
            }
            // A red node is never the root, so the grandparent exists.
            let grand = self.node(parent).parent;
            let parent_is_left = self.left(grand) == parent;
            let uncle = if parent_is_left { self.right(grand) } else { self.left(grand) };
            if self.is_red(uncle) {
                self.node_mut(parent).red = false;
                self.node_mut(uncle).red = false;
                self.node_mut(grand).red = true;
                n = grand;
                continue;
            }
            let inner = if parent_is_left { self.right(parent) } else { self.left(parent) };
            let top = if n == inner {
                self.rotate(parent, parent_is_left);
                n
            } else {
                parent
            };
            self.node_mut(top).red = false;
            self.node_mut(grand).red = true;
            self.rotate(grand, !parent_is_left);
            break;
        }
        let root = self.root;
        self.node_mut(root).red = false;
    }

    /// Takes `n` out.
    pub(crate) fn remove(&mut self, n: NodeId) -> Skb {
        let (left, right) = (self.left(n), self.right(n));
        let (removed_red, child, child_parent);
        if left == NIL || right == NIL {
            child = if left == NIL { right } else { left };
            child_parent = self.node(n).parent;
            removed_red = self.node(n).red;
            self.replace_child(child_parent, n, child);
            if child != NIL {
                self.node_mut(child).parent = child_parent;
            }
        } else {
            // Two children: the in-order successor takes the place and the colour of `n`.
            let s = self.extreme(right, true);
            removed_red = self.node(s).red;
            child = self.right(s);
            if self.node(s).parent == n {
                child_parent = s;
            } else {
                child_parent = self.node(s).parent;
                self.node_mut(child_parent).left = child;
                if child != NIL {
                    self.node_mut(child).parent = child_parent;
                }
                self.node_mut(s).right = right;
                self.node_mut(right).parent = s;
            }
            let parent = self.node(n).parent;
            self.replace_child(parent, n, s);
            let red = self.node(n).red;
            let succ = self.node_mut(s);
            succ.parent = parent;
            succ.left = left;
            succ.red = red;
            self.node_mut(left).parent = s;
        }
        if !removed_red {
            self.balance_after_remove(child, child_parent);
        }
        self.free.push(n);
        self.nodes[n as usize].skb
    }

    fn balance_after_remove(&mut self, mut n: NodeId, mut parent: NodeId) {
        while parent != NIL && !self.is_red(n) {
            let n_is_left = self.left(parent) == n;
            let sibling_of = |t: &Self| if n_is_left { t.right(parent) } else { t.left(parent) };
            let mut sibling = sibling_of(self);
            if self.is_red(sibling) {
                self.node_mut(sibling).red = false;
                self.node_mut(parent).red = true;
                self.rotate(parent, n_is_left);
                sibling = sibling_of(self);
            }
            let (near, far) = if n_is_left {
                (self.left(sibling), self.right(sibling))
            } else {
                (self.right(sibling), self.left(sibling))
            };
            if !self.is_red(near) && !self.is_red(far) {
                self.node_mut(sibling).red = true;
                n = parent;
                parent = self.node(n).parent;
                continue;
            }
            if !self.is_red(far) {
                self.node_mut(near).red = false;
                self.node_mut(sibling).red = true;
                self.rotate(sibling, !n_is_left);
                sibling = sibling_of(self);
            }
            let far = if n_is_left { self.right(sibling) } else { self.left(sibling) };
            let parent_red = self.node(parent).red;
            self.node_mut(sibling).red = parent_red;
            self.node_mut(parent).red = false;
            self.node_mut(far).red = false;
            self.rotate(parent, n_is_left);
            n = self.root;
            break;
        }
        if n != NIL {
            self.node_mut(n).red = false;
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.free.clear();
        self.root = NIL;
    }

    /// One after the highest sequence number of the last skb.
    pub(crate) fn last_end(&self) -> Option<Seq> {
        let last = self.last();
        (last != NIL).then(|| self.get(last).end_seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skb(seq: i64) -> Skb {
        Skb { seq: Seq(seq), end_seq: Seq(seq + 1), len: 1, ..Skb::default() }
    }

    /// Checks order, colours and parent links; returns the black height.
    fn check(t: &SkbTree, n: NodeId, parent: NodeId) -> u32 {
        if n == NIL {
            return 1;
        }
        assert_eq!(t.node(n).parent, parent);
        if t.is_red(n) {
            assert!(!t.is_red(t.left(n)) && !t.is_red(t.right(n)), "a red node has a red child");
        }
        let (l, r) = (check(t, t.left(n), n), check(t, t.right(n), n));
        assert_eq!(l, r, "unequal black height");
        l + u32::from(!t.is_red(n))
    }

    #[test]
    fn the_tree_stays_balanced_and_ordered_under_random_insertion_and_removal() {
        let mut t = SkbTree::default();
        let mut x: u64 = 7;
        let mut keys = std::collections::BTreeSet::new();
        for _ in 0..4000 {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let k = ((x >> 33) % 300) as i64;
            if keys.insert(k) {
                t.insert(skb(k));
            } else {
                keys.remove(&k);
                let mut n = t.first();
                while t.get(n).seq != Seq(k) {
                    n = t.next(n);
                }
                assert_eq!(t.remove(n).seq, Seq(k));
            }
            check(&t, t.root(), NIL);
            assert!(!t.is_red(t.root()));
            let mut seen = Vec::new();
            let mut n = t.first();
            while n != NIL {
                seen.push(t.get(n).seq.0);
                n = t.next(n);
            }
            assert!(seen.iter().eq(keys.iter()));
            if let Some(&k) = keys.last() {
                assert_eq!(t.get(t.last()).seq, Seq(k));
                assert_eq!(t.prev(t.first()), NIL);
            }
        }
    }
}
