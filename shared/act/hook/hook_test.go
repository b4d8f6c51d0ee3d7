package hook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/hook"
	"vodcurator/shared/video"
)

type receiver struct {
	answers []int // a status for each try; 0 cuts the connection
	got     []*http.Request
	bodies  []string
}

func (h *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	h.got, h.bodies = append(h.got, r), append(h.bodies, string(body))
	status := h.answers[min(len(h.got), len(h.answers))-1]
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: http.NoBody}, nil
}

var notice = hook.Notice{Event: "purged", Scope: video.Scope{Region: "cn-shanghai", Account: "1"}, Text: "2 items removed", Facts: map[string]int{"removed": 2}}

func send(h *receiver, log *strings.Builder) {
	w := hook.Webhook{URL: "https://hooks.example/x?token=xyzzy", Key: "sesame", HTTP: &http.Client{Transport: h}, Log: slog.New(slog.NewTextHandler(log, nil))}
	w.Send(context.Background(), notice)
}

func TestANoticeIsPostedOnceAndSigned(t *testing.T) {
	h, log := &receiver{answers: []int{200}}, &strings.Builder{}
	send(h, log)
	require.Len(t, h.got, 1)
	require.Empty(t, log.String())
	head := h.got[0].Header
	sign := func(key string) string {
		return hook.Sign(key, head.Get(hook.HeaderID), head.Get(hook.HeaderTime), []byte(h.bodies[0]))
	}
	require.Equal(t, sign("sesame"), head.Get(hook.HeaderSignature))
	require.NotEqual(t, sign("other"), head.Get(hook.HeaderSignature))
	require.Regexp(t, "^msg_[0-9a-f]{16}$", head.Get(hook.HeaderID))
	// Receivers of the version before find what they know.
	require.Equal(t, head.Get(hook.HeaderTime), head.Get("X-Vodcurator-Time"))
	require.Equal(t, head.Get(hook.HeaderID), "msg_"+head.Get("X-Vodcurator-Delivery"))
	old := hmac.New(sha256.New, []byte("sesame"))
	fmt.Fprintf(old, "%s.%s", head.Get("X-Vodcurator-Time"), h.bodies[0])
	require.Equal(t, hex.EncodeToString(old.Sum(nil)), head.Get("X-Vodcurator-Signature"))
	require.NotContains(t, h.bodies[0], "sesame")
	var back hook.Notice
	require.NoError(t, json.Unmarshal([]byte(h.bodies[0]), &back))
	require.Equal(t, "2 items removed", back.Text)
}

// The first signature is the example of the Standard Webhooks specification; the second
// one came from openssl dgst -sha256 -hmac sesame -binary | base64.
func TestTheSignatureIsThatOfStandardWebhooks(t *testing.T) {
	id, stamp, body := "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", hook.Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id, stamp, body))
	require.Equal(t, "v1,9JN84ql2FZPY4JL8M4tCtNockCs51tKJQSDrurk9Nvg=", hook.Sign("sesame", id, stamp, body))
}

func TestANoticeShowsTextFromOutsideVisibly(t *testing.T) {
	h := &receiver{answers: []int{200}}
	w := hook.Webhook{URL: "https://hooks.example/x", HTTP: &http.Client{Transport: h}}
	require.True(t, w.Send(t.Context(), hook.Notice{Text: "halted by a\x1b[2K\u202e", Incidents: []string{"a\nb"}}))
	var back hook.Notice
	require.NoError(t, json.Unmarshal([]byte(h.bodies[0]), &back))
	require.Equal(t, `halted by a\x1b[2K\u202e`, back.Text)
	require.Equal(t, []string{`a\nb`}, back.Incidents)
}

func TestAFailingWebhookIsTriedThreeTimesAndHarmsNobody(t *testing.T) {
	for name, tc := range map[string]struct {
		answers []int
		tries   int
		logged  bool
	}{
		"down":            {[]int{0}, 3, true},
		"broken":          {[]int{500}, 3, true},
		"back again":      {[]int{0, 503, 200}, 3, false},
		"busy":            {[]int{429, 204}, 2, false},
		"refused":         {[]int{403}, 1, true},
		"somewhere else":  {[]int{302}, 1, true},
		"well at once":    {[]int{201}, 1, false},
		"well the second": {[]int{500, 200}, 2, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, log := &receiver{answers: tc.answers}, &strings.Builder{}
			send(h, log)
			require.Len(t, h.got, tc.tries, name)
			require.Equal(t, tc.logged, log.Len() > 0, name)
			require.NotContains(t, log.String(), "xyzzy", "the address may hold a secret")
			require.NotContains(t, log.String(), "sesame")
			for _, r := range h.got {
				require.Equal(t, h.got[0].Header.Get(hook.HeaderID), r.Header.Get(hook.HeaderID))
			}
		})
	}
}

func TestTheEndOfTheTimeEndsTheTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &receiver{answers: []int{500}}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		hook.Webhook{URL: "https://hooks.example/", HTTP: &http.Client{Transport: h}}.Send(ctx, notice)
		require.Len(t, h.got, 1)
	})
}

// A notice feature ignored dry run (Janitorr's "leaving soon").
func TestWithoutAnAddressNothingIsSent(t *testing.T) {
	h := &receiver{answers: []int{200}}
	hook.Webhook{HTTP: &http.Client{Transport: h}}.Send(t.Context(), notice)
	require.Empty(t, h.got)
}
