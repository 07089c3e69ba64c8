/** Log lines for journald: a syslog priority in front, one line each. Secrets never come here. */
const write = (priority: number, text: string) =>
  process.stderr.write(`<${priority}>${text.replaceAll("\n", " | ")}\n`);

export const log = {
  debug: (text: string) => void (process.env["K8SD_DEBUG"] && write(7, text)),
  info: (text: string) => void write(6, text),
  warning: (text: string) => void write(4, text),
  error: (text: string) => void write(3, text),
};
