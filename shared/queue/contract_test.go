package queue_test

import (
	"cmp"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/queue"
	"vodcurator/shared/video"
)

// TestContract is what the client relies on. It runs on the emulator, once with each
// choice where the documentation is silent or contradicts itself, and on a real
// account when QUEUE_CONTRACT_LIVE names an empty queue of it and the ALIBABA_CLOUD_
// variables are set. It deletes what it sends.
func TestContract(t *testing.T) {
	for name, doubts := range map[string]fakemns.Doubts{
		"emulator":                    {},
		"emulator, the other choices": {StaleIsBadHandle: true, ZeroPriority: true, ExpiredIs400: true, OldDigestCode: true, PartSentIs201: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := localcloud.RunT(t, localcloud.Options{Tune: func(s *localcloud.Services) { s.MNS.Doubts = doubts }}).Env()
			contract(t, of(t, func(name string) string { return env[name] }), "contract")
		})
	}
	if name := os.Getenv("QUEUE_CONTRACT_LIVE"); name != "" {
		t.Run("live", func(t *testing.T) { contract(t, of(t, os.Getenv), name) })
	}
}

func of(t *testing.T, env func(string) string) *queue.Client {
	t.Helper()
	c, err := queue.New(queue.Config{
		Region: cmp.Or(env("ALIBABA_CLOUD_REGION"), "cn-shanghai"), Account: env("ALIBABA_CLOUD_ACCOUNT_ID"), Endpoint: env("MNS_ENDPOINT"),
		Credentials: func(context.Context) (string, string, string, error) {
			return env("ALIBABA_CLOUD_ACCESS_KEY_ID"), env("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), env("ALIBABA_CLOUD_SECURITY_TOKEN"), nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func contract(t *testing.T, c *queue.Client, name string) {
	ctx := t.Context()
	require.NoError(t, c.Ensure(ctx, name, 0))
	require.NoError(t, c.Ensure(ctx, name, 0), "a queue that is there stays")

	large := strings.Repeat("x", queue.MaxBody)
	texts := []string{"first", "{\"a\":\"<&> '✓' 🎬\"}", "plain, no base64?", large}
	var messages []queue.Message
	for i, text := range texts {
		messages = append(messages, queue.Message{Body: []byte(text), Priority: i + 1})
	}
	sent, err := c.Send(ctx, name, messages)
	require.NoError(t, err)
	for i, s := range sent {
		require.NoError(t, s.Err)
		require.NotEmpty(t, s.ID, texts[i][:5])
	}
	asked := time.Now()
	hidden, err := c.Send(ctx, name, []queue.Message{{Body: []byte("later"), Delay: 2 * time.Second}})
	require.NoError(t, err)
	require.NotEmpty(t, hidden[0].ID)

	looked, err := c.Peek(ctx, name, 16)
	require.NoError(t, err)
	for _, m := range looked {
		require.Empty(t, m.Handle)
		require.Contains(t, append(texts, "later"), string(m.Body))
	}

	// Empty answers before their time are the service's good right.
	took := map[string]queue.Received{}
	for tries := 0; len(took) < len(texts)+1 && tries < 50; tries++ {
		got, err := c.Receive(ctx, name, 16, 2*time.Second)
		require.NoError(t, err)
		for _, m := range got {
			if string(m.Body) == "later" {
				require.Greater(t, time.Since(asked), 1500*time.Millisecond, "a delayed message is not seen before")
			}
			require.WithinDuration(t, time.Now(), m.Enqueued, time.Minute)
			require.True(t, m.NextVisible.After(m.Enqueued))
			require.Positive(t, m.Dequeued)
			took[string(m.Body)] = m
		}
	}
	require.Len(t, took, len(texts)+1, "every body comes back byte for byte")

	first := took["first"]
	handle, until, err := c.Extend(ctx, name, first.Handle, 90*time.Second)
	require.NoError(t, err)
	require.NotEqual(t, first.Handle, handle)
	require.WithinDuration(t, time.Now().Add(90*time.Second), until, 10*time.Second)
	_, _, err = c.Extend(ctx, name, first.Handle, time.Minute)
	require.ErrorIs(t, err, video.ErrNotFound, "the old handle is void")

	handles := []string{handle, first.Handle}
	for _, text := range append(texts[1:], "later") {
		handles = append(handles, took[text].Handle)
	}
	results, err := c.Delete(ctx, name, handles)
	require.NoError(t, err)
	for i, err := range results {
		if i == 1 {
			require.ErrorIs(t, err, video.ErrNotFound, "one stale handle among good ones")
		} else {
			require.NoError(t, err)
		}
	}
	got, err := c.Receive(ctx, name, 16, 0)
	require.NoError(t, err)
	require.Nil(t, got, "what was deleted is gone")

	_, err = c.Stats(ctx, name)
	require.NoError(t, err)
	_, err = c.Stats(ctx, name+"-that-nobody-made")
	require.ErrorIs(t, err, video.ErrNotFound)
	_, err = c.Send(ctx, name+"-that-nobody-made", messages[:2])
	require.ErrorIs(t, err, video.ErrNotFound)
}
