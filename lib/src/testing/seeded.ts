/** Numbers from 0 up to 1 that look random; the same seed gives the same ones. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // A counter in steps of the golden ratio, its bits stirred.
    state = (state + 0x9e37_79b9) >>> 0;
    let bits = state;
    for (const [shift, factor] of [
      [16, 0x85eb_ca6b],
      [13, 0xc2b2_ae35],
    ] as const)
      bits = Math.imul(bits ^ (bits >>> shift), factor);
    return ((bits ^ (bits >>> 16)) >>> 0) / 0x1_0000_0000;
  };
}
