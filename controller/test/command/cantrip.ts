/** The command as a process, without the commands of other houses. */
import { runProgram } from "../../src/command/program.ts";

process.exitCode = await runProgram(process.argv.slice(2));
