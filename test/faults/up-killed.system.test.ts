/** `cantrip up` killed with -9 at moments drawn from a seed, then run again: it ends well, and `down` leaves nothing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { cantrip, nodes, start, succeed, traces } from "../e2e/cluster.ts";

const seed = Number(process.env["CANTRIP_SEED"] ?? Date.now() % 1_000_000);
const rounds = Number(process.env["CANTRIP_ROUNDS"] ?? 5);
const killsPerRound = 3;
const longestMs = 20_000;

/** Numbers from 0 to 1 that follow from the seed alone. */
function* draws(from: number): Generator<number, never> {
  let state = from;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

let before: Awaited<ReturnType<typeof traces>>;
beforeAll(async () => {
  await cantrip(["down"]);
  before = await traces();
});
afterAll(() => cantrip(["down"], { timeoutMs: 180_000 }));

test(`killed ${killsPerRound} times at any moment, ${rounds} times over (seed ${seed}; CANTRIP_SEED repeats it)`, async () => {
  const random = draws(seed);
  for (let round = 0; round < rounds; round += 1) {
    for (let kill = 0; kill < killsPerRound; kill += 1) {
      const afterMs = random.next().value * longestMs;
      const run = start(["up"]);
      await Promise.race([run.ended, new Promise((resume) => setTimeout(resume, afterMs))]);
      run.kill();
      await run.ended;
      console.log(`round ${round}: killed after ${(afterMs / 1000).toFixed(1)} s`);
    }
    await succeed(["up"], { timeoutMs: 900_000 });
    expect((await nodes()).map(({ ready }) => ready)).toEqual([true, true]);
    await succeed(["down"], { timeoutMs: 180_000 });
    expect(await traces()).toEqual(before);
  }
}, 3_600_000);
