/** Secrets are taken out of texts, known ones by the letter and others by their look. */
import { expect, test } from "vitest";
import { REMOVED } from "../src/inspect/looks.ts";
import { redactor } from "../src/inspect/redact.ts";

const known = "MHcCAQEEIDk0bmV4YWN0bHlvbmVsaW5lb2ZhcHJpdmF0ZWtleQ==";
const redact = redactor([known, "short"]);

test.each([
  [`key ${known} there`, `key ${REMOVED} there`],
  ["-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nafter", `${REMOVED}\nafter`],
  ["-----BEGIN PRIVATE KEY-----\nno end", REMOVED],
  ["join-cluster eyJ0b2tlbiI6IiIsInNlY3JldCI6Ind9 now", `join-cluster ${REMOVED} now`],
  ["Authorization: Bearer abc.def.ghijkl", `Authorization: Bearer ${REMOVED}`],
  ['"client-key-data": "LS0tLS1CRUdJTg=="', `"client-key-data": "${REMOVED}"`],
  ["secret=worker::0123456789abcdef", `secret=${REMOVED}`],
  ["https://user:hunter22@proxy:3128", `https://user:${REMOVED}@proxy:3128`],
  ["password: longenough", `password: ${REMOVED}`],
  ["password=x", `password=${REMOVED}`],
  ["DB_PASSWORD: x", `DB_PASSWORD: ${REMOVED}`],
  ["AWS_SECRET_ACCESS_KEY=x/y+z", `AWS_SECRET_ACCESS_KEY=${REMOVED}`],
  ["env A=1 DB_PASS=a,b&c B=2", `env A=1 DB_PASS=${REMOVED} B=2`],
  ["MYSQL_PWD='two words' PWD=/root", `MYSQL_PWD='${REMOVED}' PWD=/root`],
  ["REDIS_AUTH=x LICENSE_KEY=y", `REDIS_AUTH=${REMOVED} LICENSE_KEY=${REMOVED}`],
  ["- name: PGPASSWORD\n  value: two words\n", `- name: PGPASSWORD\n  value: ${REMOVED}\n`],
  ['{"name":"API_TOKEN","value":"x","a":1}', `{"name":"API_TOKEN","value":"${REMOVED}","a":1}`],
  ['  auth = "dTpw"\n  username = "u"', `  auth = "${REMOVED}"\n  username = "u"`],
  ['auth = { username = "u", password = "p" }', `auth = { username = "u", password = "${REMOVED}" }`],
  ['identitytoken = "x"', `identitytoken = "${REMOVED}"`],
  ["auth: dTpw\ntoken: x", `auth: ${REMOVED}\ntoken: ${REMOVED}`],
  ['{"auths":{"r":{"auth":"dTpw"}}}', `{"auths":{"r":{"auth":"${REMOVED}"}}}`],
  ["Authorization: Basic dTpw", `Authorization: Basic ${REMOVED}`],
  ['Authorization = "Basic dTpw"', `Authorization = "Basic ${REMOVED}"`],
  ["curl -H 'Authorization: token x' url", `curl -H 'Authorization: token ${REMOVED}' url`],
  ["map[Authorization:[Bearer x] Accept:[y]]", `map[Authorization:[Bearer ${REMOVED}] Accept:[y]]`],
  ['Authorization: Digest username="u", response="0"', `Authorization: Digest ${REMOVED}`],
  ["GET /x?access_token=ab&y=1 200", `GET /x?access_token=${REMOVED}&y=1 200`],
  ['{"password":"a\\"b","user":"u"}', `{"password":"${REMOVED}","user":"u"}`],
  ['{"password":1234,"token":"x"}', `{"password":${REMOVED},"token":"${REMOVED}"}`],
  [String.raw`"{\"password\":\"x y\",\"a\":1}"`, String.raw`"{\"password\":\"[removed]\",\"a\":1}"`],
  ["map[password:x user:y]", `map[password:${REMOVED} user:y]`],
  ["app --password hunter2 --verbose", `app --password ${REMOVED} --verbose`],
  ["spring.datasource.password=x", `spring.datasource.password=${REMOVED}`],
  ["  clientSecret: x", `  clientSecret: ${REMOVED}`],
  ["said: bad token: 4f3a9c01bd", `said: bad token: ${REMOVED}`],
])("%j becomes %j", (text, expected) => expect(redact(text)).toBe(expected));

test.each([
  "short is kept",
  "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
  "token of w1",
  "keys: 3",
  "failed to verify token: unauthorized",
  "couldn't get secret: not found",
  "auth: permission denied",
  "token: expired at noon",
  'MountVolume.SetUp failed for volume "v" : secret "db-password" not found',
  "the server has asked for bearer authentication",
  "[invalid bearer token, service account token has expired]",
  "--anonymous-auth=false\n--client-cert-auth=true\n--auto-tls=false",
  "--authentication-token-webhook=true",
  "--tls-private-key-file=/etc/kubernetes/pki/apiserver.key",
  "--service-account-key-file=/etc/kubernetes/pki/serviceaccount.key",
  "--initial-cluster-token=etcd-cluster",
  "--token-auth-file=/x",
  "automountServiceAccountToken: false",
  "TokenExpirationSeconds:  3607",
  "SecretName:  registry\nOptional:    false",
  "secret:\n  secretName: registry",
  '"secret":{"secretName":"registry"}',
  "imagePullSecrets:\n- name: registry",
  "default-tls-secret: ingress/tls",
  '"credential": "0123456789abcdef"',
  "PASSWORD_FILE=/run/secrets/password\nSSH_PUBLIC_KEY=ssh-ed25519\nPWD=/root",
  'if token == nil { return } // password != ""',
  'password = ""',
  "Warning  FailedToRetrieveImagePullSecret  kubelet  Unable to retrieve some image pull secrets (registry)",
])("%j stays", (text) => expect(redact(text)).toBe(text));

test("secret variables of described pods lose their values, all their lines, and nothing else does", () => {
  const before = `Containers:
  app:
    Image:      app
    State:      Running
    Environment:
      DB_HOST:      db
      DB_PASSWORD:  correct horse
      TLS_KEY:      line one

                    line three
      apiToken:     x
      FROM_SECRET:  <set to the key 'password' in secret 'db'>  Optional: false
      GREETING:     hello
                    token of the world
    Mounts:
      /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-x (ro)
  other:
    Environment:  <none>
    PASSWORD_RULE: none`;
  const after = before
    .replace("correct horse", REMOVED)
    .replace("line one", REMOVED)
    .replace("line three", REMOVED)
    .replace("apiToken:     x", `apiToken:     ${REMOVED}`);
  expect(redact(before)).toBe(after);
});

test("a log of many megabytes is read in one pass", () => {
  const line = `I0101 kubelet "Caches populated" type="*v1.Secret" ${"token-".repeat(2000)} password=x\n`;
  const began = performance.now();
  const text = redact(line.repeat(400) + "A".repeat(4_000_000));
  expect(text).not.toContain("password=x");
  expect(performance.now() - began).toBeLessThan(10_000);
});
