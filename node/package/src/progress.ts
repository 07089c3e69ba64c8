/** Progress for people: one line per component that is rewritten on a terminal, plain lines at each change elsewhere. */
import type { Progress } from "@cantrip/components";

export interface Printer {
  readonly report: (progress: Progress) => void;
  readonly end: () => void;
}

export function progressPrinter(stream: { readonly isTTY?: boolean; write(text: string): unknown }): Printer {
  const said = new Map<string, string>();
  let open: string | undefined;
  const line = ({ component, phase, elapsedMs }: Progress) =>
    `${component}: ${phase} (${(elapsedMs / 1000).toFixed(1)} s)`;
  const end = (): void => {
    if (open !== undefined) stream.write("\n");
    open = undefined;
  };
  const rewrite = (progress: Progress): void => {
    if (open !== undefined && open !== progress.component) end();
    stream.write(`\r\u001B[2K${line(progress)}`);
    open = progress.component;
  };
  const add = (progress: Progress): void => {
    if (said.get(progress.component) !== progress.phase) stream.write(`${line(progress)}\n`);
    said.set(progress.component, progress.phase);
  };
  return { report: stream.isTTY ? rewrite : add, end };
}
