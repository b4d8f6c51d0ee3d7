package rule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"vodcurator/shared/video"
)

// Sample is a media as the tests inside a file describe it, by the names that
// expressions use. What is left out is not known yet.
type Sample struct {
	ID           string         `yaml:"id"`
	Kind         string         `yaml:"kind"`
	Title        string         `yaml:"title"`
	FileName     string         `yaml:"file_name"`
	Description  string         `yaml:"description"`
	Category     string         `yaml:"category"`
	CategoryID   int64          `yaml:"category_id"`
	Tags         []string       `yaml:"tags"`
	Status       string         `yaml:"status"`
	Origin       string         `yaml:"origin"`
	UserData     string         `yaml:"user_data"`
	Storage      string         `yaml:"storage"`
	Labels       []string       `yaml:"labels"`
	Duration     float64        `yaml:"duration"` // seconds
	Size         int64          `yaml:"size"`
	Width        int            `yaml:"width"` // as shown
	Height       int            `yaml:"height"`
	FPS          float64        `yaml:"fps"`
	Bitrate      float64        `yaml:"bitrate"`
	Codec        string         `yaml:"codec"`
	AgeDays      *float64       `yaml:"age_days"`
	IdleDays     *float64       `yaml:"idle_days"`
	SourceStatus string         `yaml:"source"` // Normal (default), Deleted, Uploading
	Streams      []SampleStream `yaml:"streams"`
	Snapshots    []string       `yaml:"snapshots"`
}

// SampleStream is one stream of a Sample.
type SampleStream struct {
	Job        string   `yaml:"job"`
	Definition string   `yaml:"definition"`
	Format     string   `yaml:"format"`
	Codec      string   `yaml:"codec"`
	Status     string   `yaml:"status"`
	Width      int      `yaml:"width"`
	Height     int      `yaml:"height"`
	Size       int64    `yaml:"size"`
	Bitrate    float64  `yaml:"bitrate"`
	FPS        float64  `yaml:"fps"`
	AgeDays    *float64 `yaml:"age_days"`
	Encrypted  bool     `yaml:"encrypted"`
	Kind       string   `yaml:"kind"`     // video, audio; left out: video when it has a height
	Duration   float64  `yaml:"duration"` // seconds
}

// SampleTime is the moment for which tests inside a file decide.
var SampleTime = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// CheckDays refuses so many days ago that nothing is.
func (f *File) CheckDays(path string, days *float64) {
	const most = 100_000 // what a time.Duration holds, nearly
	if days != nil && !(*days >= 0 && *days <= most) {
		f.Add(path, fmt.Sprintf("%v days are below 0, or over %d", *days, most), "leave it out when it is not known")
	}
}

// CheckSample refuses numbers that no asset has. The id of a category may be below 0: -1 is none.
func (f *File) CheckSample(path string, s Sample) {
	numbers := map[string]float64{
		"duration": s.Duration, "size": float64(s.Size), "width": float64(s.Width), "height": float64(s.Height), "fps": s.FPS, "bitrate": s.Bitrate,
	}
	for i, t := range s.Streams {
		f.CheckDays(fmt.Sprintf("%s.streams[%d].age_days", path, i), t.AgeDays)
		for name, n := range map[string]float64{
			"duration": t.Duration, "size": float64(t.Size), "width": float64(t.Width), "height": float64(t.Height), "fps": t.FPS, "bitrate": t.Bitrate,
		} {
			numbers[fmt.Sprintf("streams[%d].%s", i, name)] = n
		}
	}
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		if !(numbers[name] >= 0) {
			f.Add(path+"."+name, fmt.Sprintf("%v is below 0, and no asset has that", numbers[name]), "leave it out when it is not known")
		}
	}
	f.CheckDays(path+".age_days", s.AgeDays)
	f.CheckDays(path+".idle_days", s.IdleDays)
}

// Facts is what an expression sees of the sample at SampleTime.
func (s Sample) Facts() Facts {
	var f Facts
	if s.Kind == string(video.KindImage) {
		f = FactsOfImage(s.Image(), SampleTime)
	} else {
		f = FactsOf(s.Media(), SampleTime)
	}
	if s.Labels != nil {
		Labelled(&f, s.Labels)
	}
	return f
}

// Media is the sample as the library would return it.
func (s Sample) Media() video.Media {
	m := video.Media{Video: video.Video{
		ID: s.id(), Kind: video.Kind(s.Kind), Title: s.Title, Description: s.Description,
		Tags: s.Tags, Category: s.CategoryID, CategoryName: s.Category, Status: video.Status(s.Status),
		Origin: s.Origin, UserData: s.UserData, StorageClass: s.Storage, Snapshots: s.Snapshots,
		Created: Ago(s.AgeDays), Modified: Ago(s.IdleDays), Size: s.Size, Duration: video.Length(s.Duration),
	}}
	m.Category = category(m.Category, s.Category)
	if s.FileName != "" || s.Width != 0 || s.Duration != 0 || s.Size != 0 || s.FPS != 0 || s.Codec != "" || s.SourceStatus != "" {
		m.Source = &video.Source{
			Status: cmp.Or(s.SourceStatus, "Normal"), FileName: s.FileName, Size: s.Size, Duration: video.Length(s.Duration),
			Width: s.Width, Height: s.Height, FPS: s.FPS, Bitrate: s.Bitrate, VideoCodec: s.Codec, AudioCodec: s.Codec,
			Created: m.Created,
		}
	}
	if s.Streams != nil { // none is known, unless nothing is said of them
		m.Streams = []video.Stream{}
	}
	for _, stream := range s.Streams {
		m.Streams = append(m.Streams, video.Stream{
			Job: stream.Job, Definition: stream.Definition, Format: stream.Format, Codec: stream.Codec, Status: stream.Status,
			Width: stream.Width, Height: stream.Height, Size: stream.Size, Bitrate: stream.Bitrate, FPS: stream.FPS,
			Created: Ago(stream.AgeDays), Encrypted: stream.Encrypted, Kind: stream.Kind, Duration: video.Length(stream.Duration),
		})
	}
	return m
}

// Image is the sample as the library would return an image.
func (s Sample) Image() video.Image {
	return video.Image{
		ID: s.id(), Title: s.Title, Description: s.Description, Tags: s.Tags, Category: category(s.CategoryID, s.Category),
		CategoryName: s.Category, Status: s.Status, FileName: s.FileName, Size: s.Size, Width: s.Width, Height: s.Height,
		Created: Ago(s.AgeDays), Modified: Ago(s.IdleDays),
	}
}

func (s Sample) id() video.ID {
	if s.ID == "" {
		return "sample"
	}
	return video.ID(s.ID)
}

func category(id int64, name string) int64 {
	if id == 0 && name != "" {
		return 1 // a named category has some id
	}
	return id
}

// Ago is so many days before SampleTime; zero for what is left out.
func Ago(days *float64) time.Time {
	if days == nil {
		return time.Time{}
	}
	return SampleTime.Add(-span(*days))
}
