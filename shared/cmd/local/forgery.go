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

	"vodcurator/shared/report"
)

// forgery: whoever knows the callback's address may send to it; nothing of that
// reaches the library.
func (s *story) forgery(ctx context.Context) error {
	s.chapter("2  Callbacks that VOD did not send")
	body := fmt.Sprintf(`{"EventType":"FileUploadComplete","EventTime":%q,"VideoId":%q,"Status":"success"}`,
		s.cloud.Now().UTC().Format(time.RFC3339), s.cast[0].id)
	key, _, _ := strings.Cut(s.env["CALLBACK_KEYS"], ",")
	now := time.Now()
	table := report.NewTable("callback", ">answer", ">VOD calls")
	right := true
	for _, c := range []struct {
		what string
		key  string
		at   time.Time
		want int
		read bool
	}{
		{what: "unsigned", want: http.StatusUnauthorized},
		{what: "signed with a wrong key", key: "wrongKey1", at: now, want: http.StatusForbidden},
		{what: "signed an hour ago", key: key, at: now.Add(-time.Hour), want: http.StatusForbidden},
		{what: "signed for tomorrow", key: key, at: now.Add(24 * time.Hour), want: http.StatusForbidden},
		{what: "genuine", key: key, at: now, want: http.StatusOK, read: true},
		{what: "the same once more", key: key, at: now, want: http.StatusOK},
	} {
		before := s.calls()
		status, err := s.callback(ctx, body, c.key, c.at)
		if err != nil {
			return err
		}
		made := s.calls() - before
		right = right && status == c.want && (made > 0) == c.read
		table.Row(c.what, status, made)
	}
	s.say("Six callbacks for one video, as anybody on the internet could send them.")
	s.table(table)
	s.claim(right, "only the genuine one reached the library, and only once (calls counted at the server)")
	return nil
}

// calls is how many calls VOD has answered so far.
func (s *story) calls() int {
	n := 0
	for _, count := range s.cloud.VOD.Log().Counts() {
		n += count
	}
	return n
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
