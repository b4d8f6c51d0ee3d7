package fakeoss_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
)

// TestMain lets the test binary be the server that a test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FAKEOSS_SERVE"); dir != "" {
		s, err := fakeoss.New(fakeoss.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"}), Buckets: []string{"things"}, Dir: dir})
		if err != nil {
			panic(err)
		}
		fmt.Println(httptest.NewServer(s).URL)
		select {} // until it is killed
	}
	os.Exit(m.Run())
}

// writer is one client of the server that is killed. Its keys are its own, so that what
// was answered last is what must be there.
type writer struct {
	name    string
	known   map[string]string // key → body, "" when its removal was answered
	doubt   string            // the key of the call that was not answered
	id      *string           // of an unfinished multipart upload
	parts   []oss.UploadPart  // of it, those that were answered
	answers *atomic.Int64
}

func body(text string) string { return strings.Repeat(text+"\n", 1+len(text)*7) }

// write goes on until a call is not answered.
func (w *writer) write(c *oss.Client) {
	ctx := context.Background()
	b := oss.Ptr("things")
	for n := 0; ; n++ {
		key, text := fmt.Sprint(w.name, "/", n%5), body(fmt.Sprint(w.name, " ", os.Getpid(), " ", n))
		w.doubt = key
		switch n % 4 {
		case 3:
			if _, err := c.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: b, Key: &key}); err != nil {
				return
			}
			text = ""
		default:
			if _, err := c.PutObject(ctx, &oss.PutObjectRequest{Bucket: b, Key: &key, Body: strings.NewReader(text)}); err != nil {
				return
			}
		}
		w.known[key], w.doubt = text, ""
		w.answers.Add(1)
		if w.id == nil {
			begun, err := c.InitiateMultipartUpload(ctx, &oss.InitiateMultipartUploadRequest{Bucket: b, Key: oss.Ptr(w.name + "/big")})
			if err != nil {
				return
			}
			w.id = begun.UploadId
		}
		if number := int32(len(w.parts) + 1); n%4 == 0 && number < 100 {
			p, err := c.UploadPart(ctx, &oss.UploadPartRequest{Bucket: b, Key: oss.Ptr(w.name + "/big"), UploadId: w.id, PartNumber: number,
				Body: bytes.NewReader(bytes.Repeat([]byte{byte(number)}, 100<<10))})
			if err != nil {
				return
			}
			w.parts = append(w.parts, oss.UploadPart{PartNumber: number, ETag: p.ETag})
		}
	}
}

// A process is killed three times in the midst of puts, removals and parts. Each object is
// as it was answered last, and the uploads go on with the parts that were answered.
func TestAKilledProcessLosesNothingThatWasAnswered(t *testing.T) {
	dir := t.TempDir()
	var answers atomic.Int64
	writers := []*writer{}
	for i := range 4 {
		writers = append(writers, &writer{name: fmt.Sprint("w", i, " %/"), known: map[string]string{}, answers: &answers})
	}
	for round := range int64(3) {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "FAKEOSS_SERVE="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		address, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		var all sync.WaitGroup
		for _, w := range writers {
			all.Go(func() { w.write((&store{url: strings.TrimSpace(address)}).client()) })
		}
		until := answers.Load() + 60 + 17*round
		require.Eventually(t, func() bool { return answers.Load() > until }, time.Minute, time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		all.Wait()
		_ = cmd.Wait()

		s := newStore(t, func(o *fakeoss.Options) { o.Dir = dir })
		for _, w := range writers {
			w.verify(t, s)
		}
	}
	s := newStore(t, func(o *fakeoss.Options) { o.Dir = dir })
	for _, w := range writers {
		done, err := s.client().CompleteMultipartUpload(t.Context(), &oss.CompleteMultipartUploadRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr(w.name + "/big"), UploadId: w.id,
			CompleteMultipartUpload: &oss.CompleteMultipartUpload{Parts: w.parts}})
		require.NoError(t, err)
		require.Contains(t, *done.ETag, fmt.Sprint("-", len(w.parts)))
	}
	require.Contains(t, newStore(t, func(o *fakeoss.Options) { o.Dir = dir }).Keys("things"), writers[0].name+"/big")
	t.Logf("%d answered writes, none lost", answers.Load())
}

// verify compares what is there with what was answered.
func (w *writer) verify(t *testing.T, s *store) {
	t.Helper()
	for key, want := range w.known {
		if key == w.doubt {
			continue
		}
		got := ""
		if r, err := s.Open("things", key); err == nil {
			text, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			got = string(text)
		}
		require.Equal(t, want, got, key)
	}
	delete(w.known, w.doubt)
	if w.id == nil {
		return
	}
	parts, err := s.client().ListParts(t.Context(), &oss.ListPartsRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr(w.name + "/big"), UploadId: w.id})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(parts.Parts), len(w.parts))
	for i, p := range w.parts {
		require.Equal(t, *p.ETag, *parts.Parts[i].ETag)
	}
}

// A reader of an object that is replaced all the time sees one version or another, and
// never a part of each.
func TestAReplacedObjectIsReadWhole(t *testing.T) {
	s := newStore(t, func(o *fakeoss.Options) { o.Dir = t.TempDir() })
	versions := []string{strings.Repeat("a", 10), strings.Repeat("b", 4000), ""}
	require.NoError(t, s.Put("things", "k", strings.NewReader(versions[0])))
	end := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-end:
				return
			default:
				_ = s.Put("things", "k", strings.NewReader(versions[n%3]))
			}
		}
	})
	for range 300 {
		r, err := s.Open("things", "k")
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Contains(t, versions, string(text))
	}
	close(end)
	all.Wait()
}
