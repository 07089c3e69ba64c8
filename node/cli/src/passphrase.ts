/** A passphrase: from a file, from standard input, or typed unseen; never an argument, which every process may read. */
import { readFile } from "node:fs/promises";
import { text as readStream } from "node:stream/consumers";
import { UserError } from "./errors.ts";

const SHORTEST = 8;

/** A new one is typed twice. @throws UserError if it is too short, or nobody can be asked */
export async function readPassphrase(
  file: string | undefined,
  { isNew }: { isNew: boolean },
): Promise<string> {
  const given = file === undefined ? await typed(isNew) : await fromFile(file);
  if (given.length < SHORTEST)
    throw new UserError(`Cannot use this passphrase: expected ${SHORTEST} characters or more`);
  return given;
}

async function fromFile(file: string): Promise<string> {
  try {
    const content = file === "-" ? await readStream(process.stdin) : await readFile(file, "utf8");
    return content.replace(/\r?\n$/, "");
  } catch (error) {
    throw new UserError(`Cannot read the passphrase: ${(error as Error).message}`);
  }
}

async function typed(isNew: boolean): Promise<string> {
  if (!process.stdin.isTTY)
    throw new UserError("A passphrase is needed: use --passphrase-file FILE, or - for standard input");
  const first = await unseen("Passphrase: ");
  if (isNew && (await unseen("Once more: ")) !== first)
    throw new UserError("The two passphrases differ; nothing was done");
  return first;
}

/** One line from the terminal, without showing it. */
function unseen(prompt: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const { stdin } = process;
  let line = "";
  const finish = (act: () => void) => {
    stdin.off("data", take).setRawMode(false).pause();
    process.stderr.write("\n");
    act();
  };
  const take = (chunk: Buffer) => {
    for (const letter of chunk.toString("utf8"))
      if (letter === "\r" || letter === "\n") return finish(() => resolve(line));
      else if (letter === "\u0003")
        return finish(() => reject(new UserError("Interrupted; nothing was done")));
      else if (letter === "\u007f") line = line.slice(0, -1);
      else line += letter;
  };
  process.stderr.write(prompt);
  stdin.setRawMode(true).resume().on("data", take);
  return promise;
}
