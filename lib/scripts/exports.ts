/**
 * What a module of `lib` exports, with its docstrings, as the compiler sees it. The compiler's interface is called unstable
 * by its makers; it is used here only, and the version of `typescript` is pinned.
 */
import { join } from "node:path";
import { type Node, SyntaxKind } from "typescript/unstable/ast";
import {
  isClassDeclaration,
  isInterfaceDeclaration,
  isMethodDeclaration,
  isMethodSignatureDeclaration,
  isPropertyDeclaration,
  isVariableDeclaration,
} from "typescript/unstable/ast/is";
import { API, type Checker, type Project, type Symbol, SymbolFlags } from "typescript/unstable/sync";

/** One exported name. */
export interface Exported {
  readonly name: string;
  readonly kind: string;
  readonly doc: string;
  readonly throws: readonly string[];
  readonly example: string | undefined;
  /** Its declaration as users may rely on it: without bodies and without private members. */
  readonly declaration: string;
  /** What has no docstring: the export itself, or `Export.method`. */
  readonly undocumented: readonly string[];
}

/** The exports of each file, in the order in which the file names them. Files are named from `top`, and are of its project. */
export function readExports(top: string, files: readonly string[]): readonly (readonly Exported[])[] {
  const api = new API({ cwd: top });
  try {
    const config = join(top, "tsconfig.json");
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    if (project === undefined) throw new Error(`Cannot open ${config} with the compiler`);
    return files.map((file) => exportsOf(project, join(top, file)));
  } finally {
    api.close();
  }
}

function exportsOf({ program, checker }: Project, file: string): readonly Exported[] {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (source === undefined || module === undefined) throw new Error(`Cannot read the exports of ${file}`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => ({ name: symbol.name, symbol: resolved(checker, symbol) }))
    .toSorted((a, b) => placeOf(source.text, a.name) - placeOf(source.text, b.name))
    .map(({ name, symbol }) => exported(checker, name, symbol));
}

const placeOf = (text: string, name: string): number => text.search(new RegExp(`\\b${name}\\b(?=[ ,}])`));
const resolved = (checker: Checker, symbol: Symbol): Symbol =>
  symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

function exported(checker: Checker, name: string, symbol: Symbol): Exported {
  const declared = symbol.declarations[0]?.resolve();
  if (declared === undefined) throw new Error(`Cannot find the declaration of ${name}`);
  const tags = checker.getJsDocTagsOfSymbol(symbol);
  const texts = (tag: string): string[] =>
    tags.filter((one) => one.name === tag).map((one) => one.text?.trim() ?? "");
  const doc = checker.getDocumentationCommentOfSymbol(symbol).trim();
  return {
    name,
    kind: kindOf(declared),
    doc,
    throws: texts("throws"),
    example: texts("example")[0],
    declaration: declarationOf(checker, declared, symbol),
    undocumented: [...(doc === "" ? [name] : []), ...undocumentedMethods(declared, name)],
  };
}

const kinds: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.ClassDeclaration]: "class",
  [SyntaxKind.InterfaceDeclaration]: "interface",
  [SyntaxKind.TypeAliasDeclaration]: "type",
  [SyntaxKind.FunctionDeclaration]: "function",
  [SyntaxKind.VariableDeclaration]: "constant",
};
const kindOf = (node: Node): string => kinds[node.kind] ?? SyntaxKind[node.kind];

/** The docstring directly before a node; other comments before it are not for users. */
const docBefore = (node: Node): string =>
  node
    .getSourceFile()
    .text.slice(node.pos, node.getStart())
    .match(/\/\*\*(?:(?!\*\/)[^])*\*\//g)
    ?.at(-1) ?? "";

const nameOf = (node: Node): string => {
  const { name } = node as Node & { name?: Node };
  return name?.getText() ?? "";
};

const isPrivate = (member: Node): boolean =>
  /^#|^__/.test(nameOf(member)) ||
  /^private\b/.test(member.getText()) ||
  docBefore(member).includes("@internal");

function membersOf(node: Node): readonly Node[] {
  if (!isClassDeclaration(node) && !isInterfaceDeclaration(node)) return [];
  return [...node.members].filter((member) => !isPrivate(member));
}

function undocumentedMethods(node: Node, owner: string): string[] {
  return membersOf(node)
    .filter((member) => isMethodDeclaration(member) || isMethodSignatureDeclaration(member))
    .filter((member) => docBefore(member) === "" && !/^override\b/.test(member.getText()))
    .map((member) => `${owner}.${nameOf(member)}`);
}

function declarationOf(checker: Checker, node: Node, symbol: Symbol): string {
  const text = withoutBody(node).replace(/^export (?:async )?/, "");
  if (isClassDeclaration(node)) return classOf(checker, node);
  if (!isVariableDeclaration(node)) return text;
  return `const ${symbol.name}: ${typeText(checker, symbol)};`;
}

function typeText(checker: Checker, symbol: Symbol): string {
  const type = checker.getTypeOfSymbol(symbol);
  if (type === undefined) throw new Error(`Cannot tell the type of ${symbol.name}`);
  return checker.typeToString(type);
}

/** A function ends where its body begins. */
function withoutBody(node: Node): string {
  const { body } = node as Node & { body?: Node };
  if (body === undefined) return node.getText();
  return `${node.getSourceFile().text.slice(node.getStart(), body.getStart()).trim()};`;
}

function classOf(checker: Checker, node: Node & { readonly members: { readonly pos: number } }): string {
  const head = node.getSourceFile().text.slice(node.getStart(), node.members.pos);
  const members = membersOf(node).map((member) => {
    const doc = docBefore(member);
    return `${doc === "" ? "" : `  ${doc}\n`}  ${memberText(checker, member)}`;
  });
  return `${head.replace(/^export /, "")}${members.length === 0 ? "" : `\n${members.join("\n")}\n`}}`;
}

function memberText(checker: Checker, member: Node): string {
  if (!isPropertyDeclaration(member)) return withoutBody(member).replace(/\basync /, "");
  if (member.initializer === undefined) return member.getText();
  const symbol = checker.getSymbolAtLocation(member.name);
  if (symbol === undefined) throw new Error(`Cannot tell the type of ${nameOf(member)}`);
  const modifiers = member.getText().split(nameOf(member))[0] ?? "";
  return `${modifiers}${nameOf(member)}: ${typeText(checker, symbol)};`;
}
