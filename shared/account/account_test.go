package account_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/account"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/video"
)

func keys(id, secret, token string) func(context.Context) (string, string, string, error) {
	return func(context.Context) (string, string, string, error) { return id, secret, token, nil }
}

func client(t *testing.T, base string, credentials func(context.Context) (string, string, string, error)) *account.Client {
	t.Helper()
	c := account.New(account.Config{Region: "cn-shanghai", Account: "1234567890123456", Functions: base, RAM: base, Events: base, Credentials: credentials})
	t.Cleanup(c.Close)
	return c
}

func TestWhatAnAccountHasIsRead(t *testing.T) {
	cloud := localcloud.RunT(t, localcloud.Options{Manifest: "../../s.yaml", Faults: "none"})
	env := cloud.Env()
	role := cloud.Keys.Mint("vodcurator-somebody", env["ALIBABA_CLOUD_ACCOUNT_ID"], time.Hour)
	for _, credentials := range []func(context.Context) (string, string, string, error){
		keys(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], ""), keys(role.ID, role.Secret, role.Token),
	} {
		c := client(t, env["FUNCTIONS_ENDPOINT"], credentials)
		f, err := c.Function(t.Context(), "purge")
		require.NoError(t, err)
		require.Equal(t, []any{"go1", "main", "0.03"}, []any{f.Runtime, f.Handler, f.Env["RATE_SHARE"]})
		for name := range f.Env {
			require.NotContains(t, name, "ACCESS_KEY")
		}
		_, err = c.Function(t.Context(), "no such/../function")
		require.ErrorIs(t, err, video.ErrNotFound)
		triggers, err := c.Triggers(t.Context(), "autotag")
		require.NoError(t, err)
		require.Len(t, triggers, 3)
		streams, err := c.Streams(t.Context())
		require.NoError(t, err)
		require.Contains(t, streams, account.Stream{Name: "fc-metadata-messages", Status: "RUNNING", Queue: "vodcurator-metadata", Function: "metadata"})
		policies, err := c.Policies(t.Context(), "vodcurator-purge")
		require.NoError(t, err)
		require.Contains(t, policies[0].Document, "vod:DeleteVideo")
		_, err = c.Trust(t.Context(), "none")
		require.ErrorIs(t, err, video.ErrNotFound)
	}
	require.NoError(t, client(t, env["FUNCTIONS_ENDPOINT"], keys(role.ID, role.Secret, role.Token)).CreatePolicy(t.Context(), "p & q", `{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:*","Resource":"*"}]}`))
	err := client(t, env["FUNCTIONS_ENDPOINT"], keys(role.ID, role.Secret, role.Token)).CreatePolicy(t.Context(), "p & q", `{"Version":"1","Statement":[]}`)
	require.ErrorIs(t, err, account.ErrExists)
	_, err = client(t, env["FUNCTIONS_ENDPOINT"], keys(role.ID, "s3cret", role.Token)).Function(t.Context(), "purge")
	require.ErrorIs(t, err, video.ErrForbidden)
	require.NotContains(t, err.Error(), "s3cret")
}

// An answer that is not the service's never says that something is missing, and no error
// holds what was signed.
func TestAnAnswerThatIsNotTheServicesIsNoFact(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		kind   error
		calls  int64
	}{
		"a proxy's page":         {404, "<html>not here</html>", video.ErrTransient, 2},
		"an empty success":       {200, "", video.ErrTransient, 2},
		"a page as a success":    {200, "<html>", video.ErrTransient, 2},
		"another JSON":           {200, "[]", video.ErrTransient, 2},
		"out of order":           {503, `{"Code":"ServiceUnavailable"}`, video.ErrTransient, 2},
		"too many":               {429, `{"Code":"Throttling.User"}`, video.ErrThrottled, 1},
		"no right":               {403, `{"Code":"NoPermission","Message":"string to sign s3cret"}`, video.ErrForbidden, 1},
		"a wrong key":            {404, `{"Code":"InvalidAccessKeyId.NotFound"}`, video.ErrForbidden, 1},
		"a wrong signature":      {400, `{"Code":"SignatureDoesNotMatch","Message":"s3cret"}`, video.ErrForbidden, 1},
		"nothing of that name":   {404, `{"Code":"EntityNotExist.Role"}`, video.ErrNotFound, 1},
		"a code of another kind": {400, `{"Code":7}`, video.ErrTransient, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(tc.status)
				_, _ = fmt.Fprint(w, tc.body)
			}))
			defer s.Close()
			c := client(t, s.URL, keys("id", "s3cret", "t0ken"))
			_, err := c.Trust(t.Context(), "r")
			require.ErrorIs(t, err, tc.kind)
			require.Contains(t, err.Error(), "ram:GetRole")
			require.NotContains(t, err.Error(), "s3cret")
			require.Equal(t, tc.calls, calls.Load())
		})
	}
	c := client(t, "http://127.0.0.1:1", keys("id", "s3cret", "t0ken"))
	_, err := c.Streams(t.Context())
	require.ErrorIs(t, err, video.ErrTransient)
	require.False(t, strings.Contains(err.Error(), "Limit="), "no query")
	_, err = c.Skew(t.Context(), "http://127.0.0.1:1/?key=s3cret")
	require.ErrorIs(t, err, video.ErrTransient)
	require.NotContains(t, err.Error(), "s3cret")
}
