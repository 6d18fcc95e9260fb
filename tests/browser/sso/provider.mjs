// A conformant OpenID Connect provider for `make sso`: whoever types a name is that person.
// node provider.mjs ISSUER PORT BACK SECRET; people's groups stand before the @ of their names.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [issuer, port, back, secret] = process.argv.slice(2);
const here = createRequire(`${process.cwd()}/`);
const { Provider } = await import(pathToFileURL(here.resolve("oidc-provider")).href);

const claims = (id) => ({ sub: id, preferred_username: id, groups: id.split("@")[0].split("+") });
const provider = new Provider(issuer, {
  clients: [{ client_id: "desk", client_secret: secret, redirect_uris: [back] }],
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: [] },
  findAccount: (_, id) => ({ accountId: id, claims: () => claims(id) }),
  cookies: { keys: ["only-for-tests"] },
  pkce: { required: () => true },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
