package boot

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"

	"vodcurator/events"
	"vodcurator/shared/report"
)

// Serve runs a function: handle gets each event as it came, with a context that Invocation
// has prepared; warm, if any, is its initializer. It does not return.
func Serve(handle func(ctx context.Context, raw []byte) (any, error), warm ...func(ctx context.Context)) {
	for _, f := range warm {
		fc.RegisterInitializerFunction(f)
	}
	fc.Start(func(ctx context.Context, raw []byte) (any, error) { return handle(Invocation(ctx), raw) })
}

// Gate lets in VOD's callbacks by CALLBACK_URL, CALLBACK_KEYS and CALLBACK_WINDOW.
func (c Config) Gate() events.Gate {
	g := events.Gate{Signer: events.Signer{URL: c.CallbackURL, Window: c.CallbackWindow}, Seen: events.NewSeen(10_000, 2*c.CallbackWindow)}
	for _, key := range c.CallbackKeys {
		g.Signer.Keys = append(g.Signer.Keys, string(key))
	}
	return g
}

type credentialsKey struct{}

// Invocation prepares the context of one invocation: its request id stamps every
// log record, and its role's credentials sign every call made with it. Serve
// calls it once for each: the runtime's getter writes shared state, so nobody else
// may ask it (function-compute.md section 1).
func Invocation(ctx context.Context) context.Context {
	fc, ok := fccontext.FromContext(ctx)
	if !ok {
		return ctx
	}
	ctx = report.WithRequest(ctx, fc.RequestID)
	if fc.Credentials.AccessKeyId == "" {
		return ctx
	}
	return context.WithValue(ctx, credentialsKey{}, keys{fc.Credentials.AccessKeyId, fc.Credentials.AccessKeySecret, fc.Credentials.SecurityToken})
}

// ErrNoCredentials says that neither the invocation nor the environment has an
// access key.
var ErrNoCredentials = errors.New("no credentials: give the function a role; for vodctl make a profile of the aliyun CLI, or set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET")

// Credentials answers with the invocation's credentials, else with those of the
// environment. They are asked for at each call, so a fresh role token is used as
// soon as there is one.
func (c Config) Credentials(ctx context.Context) (id, secret, token string, err error) {
	k, ok := ctx.Value(credentialsKey{}).(keys)
	if !ok {
		k = c.own()
	}
	switch {
	case k.id != "":
		return k.id, k.secret, k.token, nil
	case c.profile != nil:
		return c.profile(ctx)
	}
	return "", "", "", ErrNoCredentials
}

// Gentle slows the runtime's loop when the platform does not answer: the SDK
// asks again at once and for ever, which burns a core. It wraps the default
// transport, the one that the SDK uses; calls to other places pass untouched.
func Gentle(next http.RoundTripper) http.RoundTripper { return &gentle{next: next} }

type gentle struct {
	next http.RoundTripper
	wait time.Duration // only the loop's own goroutine asks for work
}

func (g *gentle) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/runtime/invocation/next") {
		return g.next.RoundTrip(r)
	}
	if g.wait > 0 {
		select {
		case <-time.After(g.wait):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	resp, err := g.next.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusOK {
		g.wait = 0
	} else {
		g.wait = min(max(2*g.wait, 10*time.Millisecond), 5*time.Second)
	}
	return resp, err
}
