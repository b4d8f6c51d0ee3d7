package insight_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/insight"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/video"
)

func TestADeadLetterIsTextOrBytesAndSteersNoTerminal(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	of := func(body string) insight.DeadLetter {
		return insight.DeadLetterOf(deliver.DeadLetter{DeadLetter: events.DeadLetter{Body: []byte(body), Reason: "why", Attempts: 2}, Taken: video.Received{ID: "m", Enqueued: at}})
	}
	text, err := json.Marshal(of("{}"))
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"m","since":"2026-01-02T03:04:05Z","attempts":2,"reason":"why","body":"{}"}`, string(text))
	text, err = json.Marshal(of("\xff"))
	require.NoError(t, err)
	require.Contains(t, string(text), `"body":"","bodyBase64":"/w=="`)

	require.Equal(t, "{\n  \"a\": 1\n}", of(`{"a":1}`).Text())
	require.Equal(t, `"\x1b[2J no JSON"`, of("\x1b[2J no JSON").Text())
	require.Equal(t, "ff 00", of("\xff\x00").Text())
	for _, body := range []string{"{\"a\":\"\u009b2J\"}", "\x1b]0;x\x07", "\x1b\xff"} {
		require.False(t, strings.ContainsAny(of(body).Text(), "\x1b\x07\u009b"), "%q", of(body).Text())
	}
	unread := of("{}")
	unread.Problem = "object messages/a is \x1b[2J corrupt"
	require.NotContains(t, unread.Text(), "\x1b")
	require.NotNil(t, insight.ActedOn(nil), "a program reads a list")
}

func TestDeadLettersNeedTheirQueue(t *testing.T) {
	env := maps.Clone(localcloud.RunT(t, localcloud.Options{}).Env())
	all, err := insight.DeadLetters(appOf(t, env), insight.Options{})
	require.NoError(t, err)
	list, err := insight.ListDead(t.Context(), all, deliver.Filter{})
	require.NoError(t, err)
	require.Equal(t, []insight.DeadLetter{}, list)
	_, err = insight.ShowDead(t.Context(), all, "none", 0)
	require.ErrorIs(t, err, video.ErrNotFound)

	env["DEAD_LETTER_QUEUE"] = ""
	_, err = insight.DeadLetters(appOf(t, env), insight.Options{})
	require.ErrorContains(t, err, "DEAD_LETTER_QUEUE")
}
