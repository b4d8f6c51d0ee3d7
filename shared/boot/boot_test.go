package boot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/boot"
)

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestReadNamesEveryFaultAtOnce(t *testing.T) {
	_, err := boot.Read(env(
		"VOD_ENDPOINT", "vod.example.com", "RATE_SHARE", "1.5", "TAGGING_MODE", "maybe",
		"STATE", "/var/x", "CALLBACK_KEYS", "k1", "ALIBABA_CLOUD_ACCESS_KEY_ID", "id",
		"CALLBACK_WINDOW", "five",
	), "METADATA_QUEUE", "DEAD_LETTER_QUEUE", "ALIBABA_CLOUD_ACCOUNT_ID")
	for _, want := range []string{
		"METADATA_QUEUE is not set", "DEAD_LETTER_QUEUE is not set", "ALIBABA_CLOUD_ACCOUNT_ID is not set",
		"VOD_ENDPOINT", "RATE_SHARE", "TAGGING_MODE", "STATE", "CALLBACK_KEYS and CALLBACK_URL", "ACCESS_KEY_SECRET",
		"CALLBACK_WINDOW",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestAQueueNeedsItsAccount(t *testing.T) {
	for name, required := range map[string][]string{"METADATA_QUEUE": nil, "DEAD_LETTER_QUEUE": {"DEAD_LETTER_QUEUE"}} {
		_, err := boot.Read(env(name, "q"), required...)
		require.EqualError(t, err, name+" and ALIBABA_CLOUD_ACCOUNT_ID go together: a queue belongs to an account")
		for _, account := range []string{"ALIBABA_CLOUD_ACCOUNT_ID", "FC_ACCOUNT_ID"} {
			_, err = boot.Read(env(name, "q", account, "1234567890123456"), required...)
			require.NoError(t, err)
		}
	}
	_, err := boot.Read(env("METADATA_QUEUE", "q"), "ALIBABA_CLOUD_ACCOUNT_ID")
	require.EqualError(t, err, "ALIBABA_CLOUD_ACCOUNT_ID is not set", "said once")
}

func TestReadHasSafeDefaults(t *testing.T) {
	c, err := boot.Read(env())
	require.NoError(t, err)
	require.Equal(t, "cn-shanghai", c.Scope.Region)
	require.InDelta(t, 0.25, c.RateShare, 1e-9)
	require.Equal(t, "write", c.TaggingMode)
	require.Equal(t, 5*time.Minute, c.CallbackWindow)
	_, _, _, err = c.Credentials(t.Context())
	require.ErrorIs(t, err, boot.ErrNoCredentials)
}

func TestTheCallbackWindowIsATimeOfAtMostAnHour(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h": time.Hour, "1ns": 1} {
		c, err := boot.Read(env("CALLBACK_WINDOW", text))
		require.NoError(t, err, text)
		require.Equal(t, want, c.CallbackWindow)
	}
	for _, text := range []string{"0", "-5m", "1h0m1s", "5", "five", "5 m"} {
		_, err := boot.Read(env("CALLBACK_WINDOW", text))
		require.ErrorContains(t, err, fmt.Sprintf("CALLBACK_WINDOW is %q", text))
	}
}

func TestConfigPrintsNoSecret(t *testing.T) {
	c, err := boot.Read(env("ALIBABA_CLOUD_ACCESS_KEY_ID", "id-xyzzy", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret-xyzzy",
		"ALIBABA_CLOUD_SECURITY_TOKEN", "token-xyzzy", "CALLBACK_KEYS", "key-xyzzy,other-xyzzy", "CALLBACK_URL", "https://x.example/cb"))
	require.NoError(t, err)
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v", c, c), string(asJSON)} {
		require.NotContains(t, text, "xyzzy")
	}
	require.Len(t, c.CallbackKeys, 2)
}

func TestAnInvocationBringsItsOwnCredentials(t *testing.T) {
	c, err := boot.Read(env("ALIBABA_CLOUD_ACCESS_KEY_ID", "env", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 32 { // handlers run side by side
		wg.Go(func() {
			want := fmt.Sprintf("STS.%d", i)
			ctx := boot.Invocation(fccontext.NewContext(t.Context(), &fccontext.FcContext{
				RequestID: want, Credentials: fccontext.Credentials{AccessKeyId: want, AccessKeySecret: "s", SecurityToken: "t"},
			}))
			id, _, token, err := c.Credentials(ctx)
			require.NoError(t, err)
			require.Equal(t, want, id)
			require.Equal(t, "t", token)
		})
	}
	wg.Wait()
	id, _, _, err := c.Credentials(boot.Invocation(t.Context()))
	require.NoError(t, err)
	require.Equal(t, "env", id)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The runtime's SDK polls again at once when /next fails (function-compute.md 1.2).
func TestAPlatformThatDoesNotAnswerIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, up := 0, false
		rt := boot.Gentle(roundTrip(func(*http.Request) (*http.Response, error) {
			tries++
			if up {
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			}
			return nil, errors.New("refused")
		}))
		ask := func() error {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1/2020-11-11/runtime/invocation/next", http.NoBody)
			require.NoError(t, err)
			resp, err := rt.RoundTrip(r)
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
			return err
		}
		start := time.Now()
		for time.Since(start) < time.Minute {
			require.Error(t, ask())
		}
		require.Less(t, tries, 25, "in a minute without a platform")
		up = true
		require.NoError(t, ask())
		at := time.Now()
		require.NoError(t, ask())
		require.Zero(t, time.Since(at), "once it answers, there is no wait")
		t.Logf("%d tries in a minute without a platform", tries)
	})
}

func TestOtherCallsPassUntouched(t *testing.T) {
	rt := boot.Gentle(roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no") }))
	start := time.Now()
	for range 100 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/", strings.NewReader(""))
		require.NoError(t, err)
		_, err = rt.RoundTrip(r) //nolint:bodyclose // there is none
		require.Error(t, err)
	}
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestIdentityIsThatOfTheKeysAndNothingElse(t *testing.T) {
	c, err := boot.Read(env("STS_ENDPOINT", "sts.example.com"))
	require.ErrorContains(t, err, "STS_ENDPOINT is not a http or https URL")
	_, err = c.Identity(t.Context())
	require.ErrorIs(t, err, boot.ErrNoCredentials)
}

// Names of buckets are worldwide, so the default one holds the account's id.
func TestAccountStandsForTheIDInTheNameOfTheBucket(t *testing.T) {
	c, err := boot.Read(env("STATE", "oss://vodcurator-ACCOUNT/v1", "FC_ACCOUNT_ID", "123"))
	require.NoError(t, err)
	require.Equal(t, "oss://vodcurator-123/v1", c.State)
	c, err = boot.Read(env("STATE", "oss://mine/ACCOUNT", "FC_ACCOUNT_ID", "123"))
	require.NoError(t, err)
	require.Equal(t, "oss://mine/ACCOUNT", c.State, "only in the bucket's name")
	_, err = boot.Read(env("STATE", "oss://vodcurator-ACCOUNT/v1"))
	require.ErrorContains(t, err, "its ACCOUNT stands for ALIBABA_CLOUD_ACCOUNT_ID, which is not set")
}
