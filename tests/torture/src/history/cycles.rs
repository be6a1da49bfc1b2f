//! G1c: circles of operations that read each other's values.
//!
//! An edge leads from the operation that wrote a value to the one that read it. In `realtime` circles it also leads from
//! an operation that is ok to every operation that began after it had ended; a chain of instants keeps that linear.

use super::{Anomaly, Completion, Index, Op};

/// Nodes are operations, then instants; edges go forward from a node.
struct Graph {
    edges: Vec<Vec<usize>>,
}

pub(super) fn judge(ops: &[Op], index: &Index, anomalies: &mut Vec<Anomaly>) {
    let mut graph = Graph { edges: vec![Vec::new(); ops.len()] };
    graph.add_reads(ops, index);
    let before = anomalies.len();
    report(&graph, ops, false, anomalies);
    if anomalies.len() == before {
        graph.add_time(ops);
        report(&graph, ops, true, anomalies);
    }
}

fn report(graph: &Graph, ops: &[Op], realtime: bool, anomalies: &mut Vec<Anomaly>) {
    for component in graph.components() {
        let mut processes: Vec<u64> =
            component.iter().filter_map(|node| ops.get(*node)).map(|op| op.process).collect();
        processes.sort_unstable();
        anomalies.push(Anomaly::Cycle { realtime, processes });
    }
}

impl Graph {
    fn add(&mut self, from: usize, to: usize) {
        if let Some(edges) = self.edges.get_mut(from).filter(|_| from != to) {
            edges.push(to);
        }
    }

    fn add_reads(&mut self, ops: &[Op], index: &Index) {
        for (reader, op) in ops.iter().enumerate().filter(|(number, _)| index.happened(*number)) {
            for (_, _, value) in op.reads() {
                // That an aborted value was read is another anomaly.
                if let Some(writer) = index.writer(value).filter(|writer| index.happened(*writer)) {
                    self.add(writer, reader);
                }
            }
        }
    }

    fn add_time(&mut self, ops: &[Op]) {
        // When what is not ok took effect is not known: it precedes nothing.
        let mut events: Vec<(u64, bool, usize)> = Vec::new();
        for (number, op) in ops.iter().enumerate() {
            events.push((op.began, false, number));
            if op.completion == Completion::Ok {
                events.push((op.ended, true, number));
            }
        }
        events.sort_unstable();
        let mut instant = None;
        for (_, ended, number) in events {
            if ended {
                let next = self.edges.len();
                self.edges.push(Vec::new());
                self.add(number, next);
                if let Some(last) = instant.replace(next) {
                    self.add(last, next);
                }
            } else if let Some(last) = instant {
                self.add(last, number);
            }
        }
    }

    /// Strongly connected components of more than one node (Tarjan), without recursion.
    fn components(&self) -> Vec<Vec<usize>> {
        let mut search = Search::new(self.edges.len());
        for root in 0..self.edges.len() {
            search.from(root, &self.edges);
        }
        search.found
    }
}

/// State of Tarjan's search.
struct Search {
    next: usize,
    /// Order of discovery, from 1; 0 is not yet.
    number: Vec<usize>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl Search {
    fn new(nodes: usize) -> Self {
        let (number, low, on_stack) = (vec![0; nodes], vec![0; nodes], vec![false; nodes]);
        Self { next: 1, number, low, on_stack, stack: Vec::new(), found: Vec::new() }
    }

    fn from(&mut self, root: usize, edges: &[Vec<usize>]) {
        if self.number[root] != 0 {
            return;
        }
        let mut path = vec![(root, 0)];
        self.discover(root);
        while let Some((node, edge)) = path.last_mut() {
            let node = *node;
            match edges[node].get(*edge) {
                Some(&to) => {
                    *edge += 1;
                    if self.number[to] == 0 {
                        self.discover(to);
                        path.push((to, 0));
                    } else if self.on_stack[to] {
                        self.low[node] = self.low[node].min(self.number[to]);
                    }
                }
                None => {
                    path.pop();
                    if let Some((parent, _)) = path.last() {
                        self.low[*parent] = self.low[*parent].min(self.low[node]);
                    }
                    self.close(node);
                }
            }
        }
    }

    fn discover(&mut self, node: usize) {
        self.number[node] = self.next;
        self.low[node] = self.next;
        self.next += 1;
        self.on_stack[node] = true;
        self.stack.push(node);
    }

    fn close(&mut self, node: usize) {
        if self.low[node] != self.number[node] {
            return;
        }
        let mut component = Vec::new();
        while let Some(member) = self.stack.pop() {
            self.on_stack[member] = false;
            component.push(member);
            if member == node {
                break;
            }
        }
        if component.len() > 1 {
            self.found.push(component);
        }
    }
}
