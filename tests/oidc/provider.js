// An OpenID Connect provider on loopback: `node provider.js PORT REDIRECT_URI`. Whoever gives a name
// is signed in; the name is the email address. Groups are what stands before its dots.
import Provider from "oidc-provider";

const [port, redirectUri] = process.argv.slice(2);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "skewline",
      client_secret: "a secret of the tests, which is long enough",
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [redirectUri],
    },
  ],
  claims: { openid: ["sub"], email: ["email", "email_verified", "groups"], profile: [] },
  conformIdTokenClaims: false, // as most providers do: claims are in the ID token, too
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: id,
      email_verified: !id.startsWith("unverified"),
      groups: id.split("@")[0].split("."),
    }),
  }),
  cookies: { keys: ["of the tests"] },
  pkce: { required: () => false },
});

provider.listen(Number(port), "127.0.0.1");
