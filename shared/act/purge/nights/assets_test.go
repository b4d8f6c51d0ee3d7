package nights_test

import (
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// asset is one asset as it really is, and how the library speaks of it.
type asset struct {
	video.Media
	images    []string // types of snapshots that are there
	version   int
	since     int // the first night of those in a row whose plans listed the whole of it; -1: the last one did not
	gone      bool
	byPeople  bool   // somebody else removed it
	odd       bool   // its answer cannot be decoded
	forbidden bool   // may be read and not be deleted
	pinned    bool   // its source is what people play: not removable unless forced
	gap       string // a fact that details leave out today
	blur      string // a fact that the search leaves out today
	stale     *video.Video
	events    []string
}

// dice gives a source of chance that depends on the seed and the words alone,
// so that two runs under one seed roll alike whatever came in between.
func (w *world) dice(words ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, words...)
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// upload puts a new asset into the library, created at a moment.
func (w *world) upload(r *rand.Rand, created time.Time) *asset {
	w.count["uploads"]++
	w.born++
	h := sha256.Sum256(fmt.Append(nil, w.seed, " asset ", w.born))
	id := video.ID(fmt.Sprintf("%x", h[:16]))
	created = created.Truncate(time.Second)
	a := &asset{Media: video.Media{Video: video.Video{
		ID: id, Kind: video.KindVideo, Title: fmt.Sprintf("title %d", w.born), Status: video.StatusNormal,
		Category: pick(r, int64(0), 110, 111, 200, 210, 300, 300, 300), Created: created, Modified: created,
		Size: int64(1e6 + r.IntN(1e9)), Duration: time.Duration(10+r.IntN(3600)) * time.Second,
		StorageClass: "Standard", App: "app-1000000", Region: "cn-shanghai", Origin: "general",
	}}}
	if a.Category > 0 && a.Category < 200 && chance(r, 0.7) { // few are in held categories
		a.Category = 300
	}
	if chance(r, 0.1) {
		a.Kind = video.KindAudio
	}
	height := pick(r, 360, 480, 720, 1080)
	a.Source = &video.Source{Status: "Normal", FileName: "x.mp4", Size: a.Size, Duration: a.Duration, Width: height * 16 / 9,
		Height: height, FPS: 25, Bitrate: 3000, VideoCodec: "h264", AudioCodec: "aac", Created: created}
	normal := fmt.Sprintf("http://vod.example.com/%s/snapshots/normal/%x-00001.jpg", id, h[16:])
	a.Cover = pick(r, normal, fmt.Sprintf("http://vod.example.com/%s/covers/%x-00002.jpg", id, h[16:]),
		fmt.Sprintf("http://vod.example.com/image/cover/%X-6-2.png", h[24:]), fmt.Sprintf("http://vod.example.com/image/default/%X-6-2.jpg", h[24:]))
	a.Snapshots = []string{normal}
	a.images = []string{"CoverSnapshot", "NormalSnapshot"}
	a.transcode(r, created.Add(time.Minute))
	switch kind := r.IntN(100); {
	case kind < 40:
		a.Tags = []string{pick(r, "temp", "tmp"), fmt.Sprint("t", r.IntN(5))}
	case kind < 50:
		a.Tags = []string{pick(r, "temperature", "Temp", "tempo", "tmpfoo")}
	default:
		a.Tags = []string{"film"}
	}
	w.mishap(r, a)
	if a.Kind == video.KindAudio {
		a.deaf()
	}
	a.since = -1
	w.assets[id] = a
	w.order = append(w.order, a)
	w.tell(a, "uploaded %s, %s, %s, tags %q, category %d, source %d lines", created.Format(time.DateTime), a.Kind, a.Status, a.Tags, a.Category, a.Source.Height)
	return a
}

// deaf takes the picture out of a sound.
func (a *asset) deaf() {
	a.Source.Width, a.Source.Height, a.Source.FPS, a.Source.VideoCodec = 0, 0, 0, ""
	for i := range a.Streams {
		s := &a.Streams[i]
		s.Kind, s.Width, s.Height, s.FPS, s.Format, s.Definition = "audio", 0, 0, 0, "mp3", pick(rand.New(rand.NewPCG(uint64(i), 1)), "SQ", "HQ")
	}
}

// transcode adds streams of all kinds: whole ones, previews, broken ones,
// playlists, older ones of the same kind.
func (a *asset) transcode(r *rand.Rand, at time.Time) {
	if a.Streams == nil {
		a.Streams = []video.Stream{}
	}
	for _, height := range []int{360, 480, 720, 1080} {
		if height > a.Source.Height || chance(r, 0.4) {
			continue
		}
		definition := map[int]string{360: "FD", 480: "LD", 720: "SD", 1080: "HD"}[height]
		for i := range a.Streams {
			if a.Streams[i].Definition == definition {
				a.Streams[i].Status = "Invisible"
			}
		}
		s := video.Stream{Job: fmt.Sprintf("%s%02d", string(a.ID)[:30], len(a.Streams)+r.IntN(3)*30), Definition: definition, Format: "mp4", Codec: "H264", Kind: "video",
			Status: "Normal", Size: a.Size/4 + 1, Width: height * 16 / 9, Height: height, FPS: 25, Bitrate: float64(height), Duration: a.Duration, Created: at}
		switch r.IntN(12) {
		case 0:
			s.Duration = 5 * time.Second // a preview
		case 1:
			s.Duration = a.Duration - 3*time.Second
		case 2:
			s.Size = 0
		case 3:
			s.Duration = 0
		case 4:
			s.Definition, s.Format = "AUTO", "m3u8"
		case 5:
			s.Encrypted = true
		case 6:
			s.Duration -= time.Millisecond * 40 // a frame less is whole
		}
		if !slices.ContainsFunc(a.Streams, func(t video.Stream) bool { return t.Job == s.Job }) {
			a.Streams = append(a.Streams, s)
		}
	}
}

// mishap makes some assets what no test would think of.
func (w *world) mishap(r *rand.Rand, a *asset) {
	switch r.IntN(60) {
	case 0:
		a.odd = true
	case 1:
		a.forbidden = true
	case 2:
		a.pinned = true
	case 3:
		a.Status, a.Source, a.Streams = video.StatusUploadFailed, &video.Source{Status: "UploadFail"}, []video.Stream{}
		a.Duration, a.Size = 0, 0
	case 4:
		a.Status, a.Source.Status, a.Streams = video.StatusUploading, "Uploading", []video.Stream{}
		a.Duration, a.Size = 0, 0
	case 5:
		a.Status = pick(r, video.StatusTranscodeFail, video.StatusBlocked, video.StatusChecking)
	case 6:
		a.Duration, a.Source.Duration = 0, 0
	case 7:
		a.Source.Status = "Deleted"
	case 8:
		a.Streams = nil
	case 9:
		a.Created = pick(r, time.Time{}, time.Unix(0, 0).UTC())
	case 10:
		a.Source.Height, a.Source.Width = 0, 0
	case 11:
		a.Size, a.Source.Size = 0, 0
	case 12:
		a.Modified = time.Time{}
	case 13:
		a.Created = a.Created.AddDate(2, 0, 0)
	}
	if w.book.list && chance(r, 0.01) {
		w.holdByList(r, a, true)
	}
	if chance(r, 0.06) {
		w.addTag(a, w.lookalike(r))
	}
}

// lookalike writes a hold as a person may write it.
func (w *world) lookalike(r *rand.Rand) string {
	if chance(r, 0.3) {
		date := w.now().AddDate(0, 0, r.IntN(20)-4)
		layout := pick(r, "2006-01-02", "2006/01/02", "20060102")
		word := pick(r, "hold-until:", "Hold-Until:", "hold\u2011until:", "hold-until\u200b:", "\u200bhold-until:", "hold-until：",
			"HOLD－UNTIL:", "holduntil:", "hold until:", "hold_until:") + date.Format(layout)
		return pick(r, word, word, wide(word), "film，"+word)
	}
	word := pick(r, w.book.words...)
	switch r.IntN(13) {
	case 0:
		return wide(word)
	case 1:
		return word[:2] + "\u200b" + word[2:]
	case 2:
		return "\ufeff" + word
	case 3:
		return word + "\u00a0"
	case 4:
		return strings.ToUpper(word)
	case 5:
		return strings.ReplaceAll(word, "-", pick(r, "\u2011", "\u2013", "\u2212", "－", "﹣"))
	case 6:
		return word + "，film"
	case 7:
		return "film、" + word
	case 8:
		return "film،" + word
	case 9:
		return strings.ReplaceAll(word, "k", "\u212a") // the sign of Kelvin
	case 10:
		return word[:1] + "\u00ad" + word[1:]
	case 11:
		return "\u200e" + word + "\u200f"
	}
	return word
}

// wide writes ASCII in full-width letters.
func wide(word string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x20 && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, word)
}

func (w *world) addTag(a *asset, tag string) {
	a.Tags = append(slices.Clone(a.Tags), tag)
	w.tell(a, "tag %+q", tag)
}

// holdByList writes an id into the hold list, or takes it out of it.
func (w *world) holdByList(r *rand.Rand, a *asset, on bool) {
	w.listed = slices.DeleteFunc(w.listed, func(l listed) bool { return l.id == a.ID })
	if on {
		id := string(a.ID)
		uuid := strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
		line := pick(r, id, id, strings.ToUpper(id), uuid, strings.ToUpper(uuid), id+" # for the lawyers", id+"\tcase 12", "https://cms.example/assets/"+id)
		w.listed = append(w.listed, listed{a.ID, line})
		w.tell(a, "put on the hold list as %q", line)
	} else {
		w.tell(a, "taken off the hold list")
	}
	lines := "# held for the court\n\n"
	for _, l := range w.listed {
		lines += l.line + "\n"
	}
	w.shelf.Put(listKey, []byte(lines))
	w.listAt = w.now()
}

type listed struct {
	id   video.ID
	line string
}
