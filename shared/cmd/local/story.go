package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vodcurator/events"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// story plays the main job and proves what it says: every statement is read back
// through the API by a client of its own, or counted in the server's log.
type story struct {
	*screen
	cloud *localcloud.Cloud
	lib   *vod.Client
	mail  *queue.Client
	env   map[string]string
	root  string // where s.yaml is
	kill  []string
	wait  time.Duration // for a statement to come true
	wrong int

	cast  []member
	clips []video.ID
}

// member is one of the media that the story is about, with what ffprobe says of
// its file (testdata/media/README.md) and the tags that the built-in rules give.
type member struct {
	file, title string
	id          video.ID
	image       bool
	width       int // as stored
	height      int
	rotation    int
	length      time.Duration
	fps         float64
	tags        []string
}

// play tells the story and returns how many of its statements did not hold. An
// error means that it could not be told to its end.
func play(ctx context.Context, screen *screen, cloud *localcloud.Cloud, root string, o options) (int, error) {
	env := cloud.Env()
	lib, err := library(env)
	if err != nil {
		return 0, err
	}
	mail, err := queue.New(queue.Config{
		Region: env["ALIBABA_CLOUD_REGION"], Account: env["ALIBABA_CLOUD_ACCOUNT_ID"],
		Endpoint: env["MNS_ENDPOINT"], Credentials: credentials(env),
	})
	if err != nil {
		return 0, err
	}
	defer mail.Close()
	s := &story{screen: screen, cloud: cloud, lib: lib, mail: mail, env: env, root: root, kill: o.kill, wait: o.patience}
	started := time.Now()
	s.printf("%s\n", s.paint("1", "vodcurator: six functions, one library, no account"))
	for _, chapter := range []func(context.Context) error{s.arrival, s.forgery, s.burst, s.quarter, s.removal, s.moving} {
		if err := chapter(ctx); err != nil {
			return s.wrong, err
		}
	}
	verdict := s.paint("1;32", "every statement held")
	if s.wrong > 0 {
		verdict = s.paint("1;31", report.Count(s.wrong, "statement")+" did not hold")
	}
	s.printf("\n%s, in %s\n", verdict, report.Duration(time.Since(started)))
	return s.wrong, nil
}

// claim prints a statement with what came of checking it.
func (s *story) claim(held bool, format string, args ...any) {
	mark := s.paint("32", "ok")
	if !held {
		mark = s.paint("1;31", "NOT SO:")
		s.wrong++
	}
	s.printf("  %s  %s\n", mark, fmt.Sprintf(format, args...))
}

// until asks again and again until the answer is yes. Late is not an error: the
// statement that follows will say so.
func (s *story) until(ctx context.Context, what string, yes func() (bool, error)) error {
	done := s.progress(what, time.Now())
	defer done()
	patience := time.NewTimer(s.wait)
	defer patience.Stop()
	for {
		ok, err := yes()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// arrival: real files come in, and the rules tag them.
func (s *story) arrival(ctx context.Context) error {
	s.chapter("1  Four files arrive")
	s.cast = []member{
		{file: "landscape.mp4", title: "Harbour promo", width: 640, height: 360, length: 6 * time.Second, fps: 25, tags: []string{"promo", "landscape", "sd", "short"}},
		{file: "portrait.mp4", title: "Interview: the baker", width: 480, height: 270, rotation: 90, length: 5 * time.Second, fps: 30, tags: []string{"interview", "portrait", "sd", "short"}},
		{file: "audio-only.m4a", title: "Lesson 12, sound only", length: 8 * time.Second, tags: []string{"tutorial", "audio", "short"}},
		{file: "cover.jpg", title: "Promo poster", image: true, width: 640, height: 360, tags: []string{"promo", "landscape"}},
	}
	for i := range s.cast {
		m := &s.cast[i]
		id, err := upload(ctx, s.lib, s.env["ALIBABA_CLOUD_REGION"], filepath.Join(s.root, "testdata", "media", m.file), m.title)
		if err != nil {
			return err
		}
		m.id = id
	}
	s.say("Uploaded with OSS's official client; VOD's notifications wake autotag, autotag asks metadata to write.")
	if err := s.until(ctx, "waiting for tags", func() (bool, error) {
		for _, m := range s.cast {
			tags, err := s.tags(ctx, m)
			if err != nil || !same(tags, m.tags) {
				return false, err
			}
		}
		return true, nil
	}); err != nil {
		return err
	}
	table := report.NewTable("file", "title", "shape", ">length", ">fps", ">bytes", "tags")
	probed := true
	for _, m := range s.cast {
		right, err := s.probed(ctx, m, table)
		if err != nil {
			return err
		}
		probed = probed && right
	}
	s.table(table)
	s.claim(probed, "size, rotation, frame rate and length are what ffprobe says of the files")
	for _, m := range s.cast {
		tags, err := s.tags(ctx, m)
		if err != nil {
			return err
		}
		s.claim(same(tags, m.tags), "%s is tagged %s", m.title, strings.Join(m.tags, ", "))
	}
	return nil
}

// probed adds what the library says of a file to the table, and whether it is right.
func (s *story) probed(ctx context.Context, m member, table *report.Table) (bool, error) {
	if m.image {
		image, err := s.lib.Image(ctx, m.id)
		if err != nil {
			return false, err
		}
		table.Row(m.file, image.Title, fmt.Sprintf("%dx%d", image.Width, image.Height), "", "", report.Bytes(image.Size), strings.Join(image.Tags, " "))
		return image.Width == m.width && image.Height == m.height, nil
	}
	media, err := s.media(ctx, m.id)
	if err != nil {
		return false, err
	}
	src := video.Source{}
	if media.Source != nil {
		src = *media.Source
	}
	shape := "sound"
	if src.Width > 0 {
		shape = fmt.Sprintf("%dx%d", src.Width, src.Height)
		if src.Rotation != 0 {
			shape += fmt.Sprintf(" turned %d°", src.Rotation)
		}
	}
	table.Row(m.file, media.Title, shape, report.Duration(src.Duration), src.FPS, report.Bytes(src.Size), strings.Join(media.Tags, " "))
	return src.Width == m.width && src.Height == m.height && src.Rotation == m.rotation && src.FPS == m.fps && src.Duration.Round(10*time.Millisecond) == m.length, nil
}

// burst: other systems push changes by the dozen, one of them broken.
func (s *story) burst(ctx context.Context) error {
	s.chapter("3  Forty queue messages for twenty clips, and two that are broken")
	const clips = 20
	for i := range clips {
		id, err := upload(ctx, s.lib, s.env["ALIBABA_CLOUD_REGION"], filepath.Join(s.root, "testdata", "media", "landscape.mp4"), fmt.Sprintf("clip %02d", i+1))
		if err != nil {
			return err
		}
		s.clips = append(s.clips, id)
	}
	tagged := func(want ...string) func() (bool, error) {
		return func() (bool, error) {
			return s.every(ctx, s.clips, func(v video.Video) bool { return same(v.Tags, want) })
		}
	}
	if err := s.until(ctx, "waiting for the clips' tags", tagged("landscape", "sd", "short")); err != nil {
		return err
	}
	harbour := tagged("landscape", "sd", "short", "harbour")

	writes := s.cloud.VOD.Log().Count("UpdateVideoInfos")
	messages, err := s.harbourMessages()
	if err != nil {
		return err
	}
	if err := s.send(ctx, messages); err != nil {
		return err
	}
	s.assassinate("metadata")
	if err := s.until(ctx, "waiting for titles and tags", func() (bool, error) {
		ok, err := harbour()
		if !ok || err != nil {
			return ok, err
		}
		dead, err := s.mail.Peek(ctx, s.env["DEAD_LETTER_QUEUE"], 16)
		return len(dead) >= 2, err
	}); err != nil {
		return err
	}

	titled, err := s.numbered(ctx)
	if err != nil {
		return err
	}
	s.claim(titled, "all %d clips have the newer title, whatever came last", clips)
	kept, err := harbour()
	if err != nil {
		return err
	}
	s.claim(kept, "all %d have the new tag beside those of autotag", clips)
	writes = s.cloud.VOD.Log().Count("UpdateVideoInfos") - writes
	s.claim(writes > 0 && writes <= 8, "%s at the server for %d messages", report.Count(writes, "write call"), len(messages))
	return s.deadLetters(ctx)
}

// harbourMessages are two messages for each clip, the newer one sent first, and two that
// are broken.
func (s *story) harbourMessages() (messages []queue.Message, err error) {
	now := time.Now().UTC()
	for _, age := range []time.Duration{0, time.Hour} {
		for i, id := range s.clips {
			title := fmt.Sprintf("Harbour, part %d", i+1)
			if age > 0 {
				title = "an older title that must not win"
			}
			body, err := events.EncodeMetadata(events.Metadata{Changes: []video.Change{{
				ID: id, Set: video.Fields{Title: &title}, Tags: video.TagEdit{Add: []string{"harbour"}}, IssuedAt: now.Add(-age),
			}}})
			if err != nil {
				return nil, err
			}
			messages = append(messages, queue.Message{Body: body})
		}
	}
	long := fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":%q}}]}`, s.clips[0], strings.Repeat("x", 129))
	return slices.Insert(messages, 7, queue.Message{Body: []byte(long)}, queue.Message{Body: []byte("this is no message")}), nil
}

// deadLetters shows what nothing can cure.
func (s *story) deadLetters(ctx context.Context) error {
	dead, err := s.mail.Peek(ctx, s.env["DEAD_LETTER_QUEUE"], 16)
	if err != nil {
		return err
	}
	table := report.NewTable("dead letter", "reason")
	for _, d := range dead {
		letter, err := events.DecodeDeadLetter(d.Body)
		if err != nil {
			return err
		}
		table.Row(report.Cut(string(letter.Body), 30), report.Cut(letter.Reason, 100))
	}
	s.table(table)
	s.claim(distinct(dead) == 2, "both broken messages are in the dead-letter queue with their reasons, and no other")
	return nil
}

// send puts messages into the metadata queue.
func (s *story) send(ctx context.Context, messages []queue.Message) error {
	_, err := s.mail.Send(ctx, s.env["METADATA_QUEUE"], messages)
	return err
}

// distinct counts different bodies: a dead letter, like every message, may come twice.
func distinct(letters []queue.Received) int {
	seen := map[string]bool{}
	for _, l := range letters {
		letter, err := events.DecodeDeadLetter(l.Body)
		if err == nil {
			seen[string(letter.Body)] = true
		}
	}
	return len(seen)
}

// numbered says whether every clip has the title of its number.
func (s *story) numbered(ctx context.Context) (bool, error) {
	answers, err := s.lib.Videos(ctx, s.clips)
	if err != nil {
		return false, err
	}
	right := true
	for i, a := range answers {
		right = right && a.Err == nil && a.Value.Title == fmt.Sprintf("Harbour, part %d", i+1)
	}
	return right, nil
}

// every says whether all of the videos are there and pass.
func (s *story) every(ctx context.Context, ids []video.ID, pass func(video.Video) bool) (bool, error) {
	answers, err := s.lib.Videos(ctx, ids)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(answers, func(a video.Answer[video.Video]) bool { return a.Err != nil || !pass(a.Value) }), nil
}

func (s *story) media(ctx context.Context, id video.ID) (video.Media, error) {
	answers, err := s.lib.Media(ctx, []video.ID{id})
	if err != nil {
		return video.Media{}, err
	}
	return answers[0].Value, answers[0].Err
}

func (s *story) tags(ctx context.Context, m member) ([]string, error) {
	if m.image {
		image, err := s.lib.Image(ctx, m.id)
		return image.Tags, err
	}
	v, err := s.lib.Video(ctx, m.id)
	return v.Tags, err
}

// assassinate kills a process of the function, when that was asked for.
func (s *story) assassinate(function string) {
	if slices.Contains(s.kill, function) && s.cloud.FC.Kill(function) > 0 {
		s.say("A process of %s was killed.", function)
	}
}

// ambush kills one in the middle of a run: as soon as the moment has come, or not at
// all once stop is called.
func (s *story) ambush(function string, moment func() bool) (stop func()) {
	end, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
				if moment() {
					if s.cloud.FC.Kill(function) > 0 {
						s.say("A process of %s was killed.", function)
					}
					return
				}
			}
		}
	}()
	return func() { close(end); <-gone }
}

// same compares tags as sets.
func same(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
