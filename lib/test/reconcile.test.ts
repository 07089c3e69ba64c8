import { describe, expect, test } from "vitest";
import { type Outcome, type Step, blocked, done, reconcile, wait } from "@cantrip/lib";

const step = (name: string, outcome: Outcome, ran: string[] = []): Step<unknown> => ({
  name,
  run: () => {
    ran.push(name);
    return outcome;
  },
});

test.each([
  ["nothing to do", [], { status: "active", message: "" }],
  ["all done", [[done], [done]], { status: "active", message: "" }],
  ["waiting beats done", [[done], [wait("a token")]], { status: "waiting", message: "a token" }],
  [
    "blocked beats waiting",
    [[wait("a token")], [blocked("integrate")]],
    { status: "blocked", message: "integrate" },
  ],
  ["of equals the first speaks", [[wait("one")], [wait("two")]], { status: "waiting", message: "one" }],
] as const)("%s", async (_, tracks, status) => {
  const given = tracks.map((outcomes, n) => ({
    name: `${n}`,
    steps: outcomes.map((outcome, m) => step(`${m}`, outcome)),
  }));
  expect((await reconcile(given, undefined)).status).toEqual(status);
});

test("a track stops at its first unmet step, the others run on", async () => {
  const ran: string[] = [];
  const { tracks } = await reconcile(
    [
      { name: "one", steps: [step("a", done, ran), step("b", wait("x"), ran), step("c", done, ran)] },
      { name: "two", steps: [step("d", done, ran)] },
    ],
    undefined,
  );
  expect(ran).toEqual(["a", "b", "d"]);
  expect(tracks).toEqual([
    { track: "one", step: "b", outcome: wait("x") },
    { track: "two", step: undefined, outcome: done },
  ]);
});

test("a step that does not apply counts as met", async () => {
  const ran: string[] = [];
  const steps = [{ ...step("a", blocked("no"), ran), when: async () => false }, step("b", done, ran)];
  expect((await reconcile([{ name: "t", steps }], undefined)).status.status).toBe("active");
  expect(ran).toEqual(["b"]);
});

describe("what a step throws", () => {
  const failing = (message: string): Step<unknown> => ({
    name: message,
    run: () => {
      throw new Error(message);
    },
  });

  test("comes out after the other tracks ran", async () => {
    const ran: string[] = [];
    const tracks = [
      { name: "one", steps: [failing("boom")] },
      { name: "two", steps: [step("a", done, ran)] },
    ];
    await expect(reconcile(tracks, undefined)).rejects.toThrow("boom");
    expect(ran).toEqual(["a"]);
  });

  test("comes out together if there are several", async () => {
    const tracks = ["boom", "bang"].map((name) => ({ name, steps: [failing(name)] }));
    await expect(reconcile(tracks, undefined)).rejects.toThrow(AggregateError);
  });
});

test("only a step that takes long is told", async () => {
  const told: string[] = [];
  const slow: Step<unknown> = {
    name: "slow",
    run: () => new Promise((resolve) => setTimeout(() => resolve(done), 60)),
  };
  const tracks = [{ name: "t", steps: [step("quick", done), slow] }];
  await reconcile(tracks, undefined, { slowAfterMs: 10, onStep: ({ name }) => void told.push(name) });
  expect(told).toEqual(["slow"]);
});
