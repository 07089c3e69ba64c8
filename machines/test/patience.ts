/** Bounds of tests, stretched by CANTRIP_PATIENCE where the computer is emulated. */
const factor = Number(process.env["CANTRIP_PATIENCE"] ?? 1);

export const patient = (milliseconds: number): number => milliseconds * factor;
