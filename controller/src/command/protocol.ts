/** What we say we are, and speak: Juju's client protocol of this version. */
export const clientVersion = "3.6.11";
