/** Raised with every change of the package that is not a change of Kubernetes. */
const revision = 1;

/** 1.36.3+cantrip.1 */
export const packageVersion = (kubernetes: string): string => `${kubernetes}+cantrip.${revision}`;
