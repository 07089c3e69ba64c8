/**
 * The outside world of a node in memory: a cluster that several fake machines share. Start at FakeCluster; `machine()` gives
 * the ports of one. It passes the contract suite of the real client; faults are set by the test, one call at a time.
 */
export { FakeCluster, type FakeNodeRecord } from "./fake-cluster.ts";
export { FakeMachine, type Fault } from "./fake-machine.ts";
