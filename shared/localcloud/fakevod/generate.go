package fakevod

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"
)

// What generated media are called and tagged: few words, many media, as in a real library.
var (
	genNouns = []string{"Lesson", "Interview", "Trailer", "Match", "Concert", "Recipe", "Tour", "Review", "Podcast", "Clip"}
	genTags  = []string{"", "draft", "tmp", "keep", "sport,2024", "music,live", "lesson,year-1", "lesson,year-2", "news", "archive,keep"}
	genSizes = [...][2]int{{640, 360}, {854, 480}, {1280, 720}, {1920, 1080}, {720, 1280}}
)

// Generate adds n media made from a seed, evenly over the five years before the
// library's time: 85 % video, 10 % audio, 5 % images. Their parts are made from a
// number when somebody looks, so that a million of them take little memory. There
// are no notifications, and no objects behind them.
func (s *Server) Generate(n int, seed uint64) error {
	now := s.opt.Now().UTC().Truncate(time.Second)
	const span = 5 * 365 * 24 * time.Hour
	step := span / time.Duration(max(n, 1))
	rng := rand.New(rand.NewPCG(seed, 1))
	made := make([]Asset, n) // one piece: no garbage, no slack
	s.mu.Lock()
	defer s.mu.Unlock()
	empty := len(s.lib.assets) == 0
	s.lib.bill.count(now)
	if empty {
		s.lib.assets = make(map[string]*Asset, n)
	}
	var id [16]byte
	for i := range made {
		a := &made[i]
		binary.BigEndian.PutUint64(id[:], rng.Uint64())
		binary.BigEndian.PutUint64(id[8:], rng.Uint64())
		draw := rng.Uint64()
		a.ID, a.Made = hex.EncodeToString(id[:]), draw|1
		a.Kind, a.Status = "video", "Normal"
		switch draw % 20 {
		case 0:
			a.Kind = "image"
		case 1, 2:
			a.Kind = "audio"
		}
		a.Title = genNouns[draw>>8%10] + " " + strconv.Itoa(i)
		a.Tags = genTags[draw>>16%10]
		if draw>>24%100 == 0 {
			a.Status = "TranscodeFail"
		}
		a.Created = now.Add(-span + time.Duration(i)*step).Truncate(time.Second)
		a.Modified = a.Created
		if a.Kind != "image" {
			a.Duration = float64(10 + draw>>32%3600)
			a.Size = int64(a.Duration) * int64(60_000+draw>>44%400_000)
		} else {
			a.Size = int64(20_000 + draw>>44%400_000)
		}
		s.lib.assets[a.ID] = a
		if empty { // they come in order: no sorting of a million
			x := s.lib.index[a.Kind]
			x.sorted = append(x.sorted, a)
			s.lib.bill.hold(a, 1)
		}
	}
	s.lib.version++
	if !empty {
		s.lib.rebuild()
	}
	return s.compact()
}

// makeParts fills in what the number in Made stands for.
func (a *Asset) makeParts() {
	rng := rand.New(rand.NewPCG(a.Made, 2))
	newID := func() string {
		var id [16]byte
		binary.BigEndian.PutUint64(id[:], rng.Uint64())
		binary.BigEndian.PutUint64(id[8:], rng.Uint64())
		return hex.EncodeToString(id[:])
	}
	if a.Kind == "image" {
		key := "image/default/" + a.ID + ".jpg"
		a.Picture = &Picture{Type: "default", Ext: "jpg", FileName: a.ID[:8] + ".jpg", Key: key, URL: "http://generated.example.com/" + key, Size: a.Size, Width: 1280, Height: 720}
		return
	}
	size := genSizes[a.Made>>40%5]
	src := Source{Status: "Normal", Created: a.Created, Media: a.madeMedia()}
	video := Track{Kind: "video", Codec: "h264", Tag: "avc1", Profile: "High", Level: 40, Width: size[0], Height: size[1], FPS: 25, Timescale: 12800, Duration: a.Duration,
		Bitrate: src.Bitrate * 900, Frames: int64(a.Duration * 25), Language: "und"}
	audio := Track{Kind: "audio", Codec: "aac", Tag: "mp4a", Profile: "LC", Timescale: 44100, Duration: a.Duration, Bitrate: 64000,
		Frames: int64(a.Duration * 43), SampleRate: 44100, Channels: 2, Language: "und"}
	src.FileName, src.Tracks = a.ID[:8]+".mp4", []Track{video, audio}
	if a.Kind == "audio" {
		src.FileName, src.Tracks = a.ID[:8]+".m4a", []Track{audio}
	}
	src.Key = "sv/" + a.ID[:8] + "/" + src.FileName
	a.Source = &src
	if a.Status != "Normal" {
		return
	}
	a.Streams = a.transcode(defaultTemplate, a.Created, newID)
	if a.Kind == "video" {
		a.Snapshots = []SnapshotJob{{"CoverSnapshot", newID(), 3, a.Created}, {"SpriteSnapshot", newID(), 1, a.Created}}
	}
}

// madeMedia is what the source of a generated asset is, without its tracks.
func (a *Asset) madeMedia() Media {
	m := Media{Format: "mp4", Size: a.Size, Duration: a.Duration, Bitrate: float64(a.Size) * 8 / a.Duration / 1000}
	if a.Kind == "video" {
		size := genSizes[a.Made>>40%5]
		m.Width, m.Height, m.FPS = size[0], size[1], 25
	}
	return m
}

// madeSizes calls see with the bytes of each stream of a generated asset. A million of them
// are counted without one being made.
func (a *Asset) madeSizes(see func(bytes int64)) {
	if a.Status == "Normal" && a.Kind != "image" {
		m := a.madeMedia()
		defaultTemplate.outputs(&m, a.Kind, func(_ Output, _, _ float64, size int64) { see(size) })
	}
}
