package main

import (
	"context"
	"crypto/md5" // the provider's choice for callbacks
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// forgery: whoever knows the callback's address may send to it; nothing of that
// reaches the library, and whoever has seen one that is signed causes a reading.
func (s *story) forgery(ctx context.Context) error {
	s.chapter("2  Callbacks that VOD did not send")
	event := func(at time.Time) string {
		return fmt.Sprintf(`{"EventType":"FileUploadComplete","EventTime":%q,"VideoId":%q,"Status":"success"}`, at.UTC().Format(time.RFC3339), s.cast[0].id)
	}
	key, _, _ := strings.Cut(s.env["CALLBACK_KEYS"], ",")
	now := time.Now()
	table := report.NewTable("callback", ">answer", ">VOD reads", ">VOD writes")
	right, harmless, once := true, true, s.cloud.Now()
	if err := s.settle(ctx); err != nil {
		return err
	}
	for _, c := range []struct {
		what string
		key  string
		at   time.Time
		want int
		read bool
		says time.Time // the time of the event
	}{
		{what: "unsigned", want: http.StatusUnauthorized},
		{what: "signed with a wrong key", key: "wrongKey1", at: now, want: http.StatusForbidden},
		{what: "signed an hour ago", key: key, at: now.Add(-time.Hour), want: http.StatusForbidden},
		{what: "signed for tomorrow", key: key, at: now.Add(24 * time.Hour), want: http.StatusForbidden},
		{what: "genuine", key: key, at: now, want: http.StatusOK, read: true},
		{what: "the same once more", key: key, at: now, want: http.StatusOK},
		{what: "its signature, an event of 1999", key: key, at: now, want: http.StatusOK, read: true, says: now.AddDate(-27, 0, 0)},
		{what: "its signature, an event of 2099", key: key, at: now, want: http.StatusOK, read: true, says: now.AddDate(73, 0, 0)},
	} {
		dated := !c.says.IsZero()
		if !dated {
			c.says = once
		}
		reads, writes := s.calls()
		status, err := s.callback(ctx, event(c.says), c.key, c.at)
		if err == nil {
			err = s.settle(ctx)
		}
		if err != nil {
			return err
		}
		readsNow, writesNow := s.calls()
		if asWanted := status == c.want && (readsNow > reads) == c.read; dated {
			harmless = harmless && asWanted && writesNow == writes
		} else {
			right = right && asWanted
		}
		table.Row(c.what, status, readsNow-reads, writesNow-writes)
	}
	s.say("Eight callbacks for one video, as anybody on the internet could send them.")
	s.table(table)
	s.claim(right, "only the genuine one reached the library, and only once (calls counted at the server)")
	s.claim(harmless, "an event with a time of its own changes nothing: whoever has seen a signature causes a read, and the rules have our clock")
	return s.untag(ctx, event(s.cloud.Now().Add(time.Second)), key)
}

// untag: an editor takes a tag away that a rule gave, and it stays away.
func (s *story) untag(ctx context.Context, event, key string) error {
	m := &s.cast[0]
	gone := m.tags[len(m.tags)-1]
	m.tags = m.tags[:len(m.tags)-1]
	outcomes, err := s.lib.Update(ctx, []video.Update{{ID: m.id, Tags: &m.tags}})
	if err == nil {
		err = outcomes[0].Err
	}
	if err != nil {
		return err
	}
	status, err := s.callback(ctx, event, key, time.Now())
	if err == nil {
		err = s.settle(ctx)
	}
	if err != nil {
		return err
	}
	tags, err := s.tags(ctx, *m)
	s.claim(status == http.StatusOK && same(tags, m.tags), "an editor took the tag %s away, and the next event does not bring it back", gone)
	return err
}

// settle waits until what was sent to the writer's queue is done.
func (s *story) settle(ctx context.Context) error {
	return s.until(ctx, "waiting for the queue", func() (bool, error) {
		stats, err := s.mail.Stats(ctx, s.env["METADATA_QUEUE"])
		if err == nil {
			err = s.cloud.FC.Quiet(ctx)
		}
		return stats == (queue.Stats{}), err
	})
}

// calls is how many calls VOD has answered so far, and how many of them write.
func (s *story) calls() (reads, writes int) {
	for operation, count := range s.cloud.VOD.Log().Counts() {
		if strings.HasPrefix(operation.Op, "Update") {
			writes += count
		} else {
			reads += count
		}
	}
	return reads, writes
}

func (s *story) callback(ctx context.Context, body, key string, at time.Time) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.env["AUTOTAG_URL"], strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		stamp := strconv.FormatInt(at.Unix(), 10)
		sum := md5.Sum([]byte(s.env["CALLBACK_URL"] + "|" + stamp + "|" + key))
		request.Header.Set("X-VOD-TIMESTAMP", stamp)
		request.Header.Set("X-VOD-SIGNATURE", hex.EncodeToString(sum[:]))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	if err := answer.Body.Close(); err != nil {
		return 0, err
	}
	return answer.StatusCode, s.noticed(ctx)
}

// noticed waits until what callbacks have passed on was taken.
func (s *story) noticed(ctx context.Context) error {
	return s.until(ctx, "waiting for the notices", func() (bool, error) {
		waiting := s.cloud.MNS.Stats(s.env["NOTICE_QUEUE"])
		return waiting.Active+waiting.Inactive+waiting.Delayed == 0, s.cloud.FC.Quiet(ctx)
	})
}
