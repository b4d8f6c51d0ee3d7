// Package video holds the nouns of the library: what a video, a source file, a
// stream and an image are to us, what may be asked of them, and what came of it.
//
// It knows no provider, no wire format, no clock and no log, and imports nothing
// of ours.
package video

import (
	"math"
	"strings"
	"time"
)

// ID names one media of the library. It is opaque: the provider's ids are 32
// hex characters today, and nothing here depends on it.
type ID string

// Kind says what an ID names.
type Kind string

// The kinds of media. Audio and video share ids, calls and tags; images have
// calls of their own.
const (
	KindVideo Kind = "video"
	KindAudio Kind = "audio"
	KindImage Kind = "image"
)

// Status is where a media stands in its life (vod-api.md section 2). Values the
// provider adds later are carried as they come.
type Status string

// The documented statuses. Only Normal plays.
const (
	StatusUploading     Status = "Uploading"
	StatusUploadFailed  Status = "UploadFail"
	StatusUploaded      Status = "UploadSucc"
	StatusTranscoding   Status = "Transcoding"
	StatusTranscodeFail Status = "TranscodeFail"
	StatusChecking      Status = "Checking"
	StatusBlocked       Status = "Blocked"
	StatusNormal        Status = "Normal"
	StatusProduceFail   Status = "ProduceFail"
)

// Statuses lists them all.
func Statuses() []Status {
	return []Status{
		StatusUploading, StatusUploadFailed, StatusUploaded, StatusTranscoding, StatusTranscodeFail,
		StatusChecking, StatusBlocked, StatusNormal, StatusProduceFail,
	}
}

// Video is one video or audio media as the library lists it. A zero time, size
// or duration means that the library did not say: size and duration are absent
// until the source file was analysed.
type Video struct {
	ID           ID            `json:"id"`
	Kind         Kind          `json:"kind,omitempty"` // empty: not known whether video or audio
	Title        string        `json:"title,omitempty"`
	Description  string        `json:"description,omitempty"`
	Tags         []string      `json:"tags,omitempty"`
	Category     int64         `json:"category,omitempty"` // 0: none
	CategoryName string        `json:"categoryName,omitempty"`
	Cover        string        `json:"cover,omitempty"` // URL
	Status       Status        `json:"status,omitempty"`
	Size         int64         `json:"size,omitempty"` // bytes of the source file
	Duration     time.Duration `json:"duration,omitempty"`
	Created      time.Time     `json:"created,omitzero"`
	Modified     time.Time     `json:"modified,omitzero"`
	StorageClass string        `json:"storageClass,omitempty"`
	Storage      string        `json:"storage,omitempty"` // bucket host
	App          string        `json:"app,omitempty"`     // VOD application
	Region       string        `json:"region,omitempty"`
	UserData     string        `json:"userData,omitempty"`
	Origin       string        `json:"origin,omitempty"` // how it came in: general, short_video, editing, live
	// TranscodeMode is FastTranscode, NoTranscode or AsyncTranscode; empty if not said.
	TranscodeMode string   `json:"transcodeMode,omitempty"`
	Snapshots     []string `json:"snapshots,omitempty"` // URLs
}

// StorageClasses are the classes in which VOD stores, the warmest first: an older asset gets
// colder.
var StorageClasses = []string{"Standard", "IA", "Archive", "ColdArchive"}

// Source is the uploaded source file of a media; the provider calls it mezzanine.
type Source struct {
	Status       string        `json:"status,omitempty"` // Uploading, Normal, UploadFail, Deleted
	FileName     string        `json:"fileName,omitempty"`
	Size         int64         `json:"size,omitempty"` // bytes
	Duration     time.Duration `json:"duration,omitempty"`
	Width        int           `json:"width,omitempty"`  // pixels as stored, before rotation
	Height       int           `json:"height,omitempty"` // pixels as stored, before rotation
	Rotation     int           `json:"rotation,omitempty"`
	Aspect       float64       `json:"aspect,omitempty"` // width to height as shown, before rotation, of stretched pixels; 0: square, or not said; below 0: said in two ways that differ
	FPS          float64       `json:"fps,omitempty"`
	Bitrate      float64       `json:"bitrate,omitempty"` // kbit/s
	VideoCodec   string        `json:"videoCodec,omitempty"`
	AudioCodec   string        `json:"audioCodec,omitempty"`
	StorageClass string        `json:"storageClass,omitempty"`
	MD5          string        `json:"md5,omitempty"` // of the file, in hex; empty: VOD does not say
	Created      time.Time     `json:"created,omitzero"`
}

// Gone says that the source file was deleted while the media stayed.
func (s Source) Gone() bool { return s.Status == "Deleted" }

// Stream is one transcoded output of a media. Job is the id by which it is deleted.
type Stream struct {
	Job        string        `json:"job"`
	Definition string        `json:"definition,omitempty"` // FD, LD, SD, HD, OD, 2K, 4K, SQ, HQ, AUTO
	Format     string        `json:"format,omitempty"`
	Codec      string        `json:"codec,omitempty"`
	Kind       string        `json:"kind,omitempty"`   // video, audio
	Status     string        `json:"status,omitempty"` // Normal, Invisible
	Size       int64         `json:"size,omitempty"`   // bytes
	Width      int           `json:"width,omitempty"`
	Height     int           `json:"height,omitempty"`
	FPS        float64       `json:"fps,omitempty"`
	Bitrate    float64       `json:"bitrate,omitempty"` // kbit/s
	Duration   time.Duration `json:"duration,omitempty"`
	Encrypted  bool          `json:"encrypted,omitempty"`
	Created    time.Time     `json:"created,omitzero"`
}

// Media is a video or audio with its parts. Source is nil when the library did
// not answer for it, and so is Streams: that there are none is an empty list.
type Media struct {
	Video
	Source  *Source  `json:"source,omitempty"`
	Streams []Stream `json:"streams,omitzero"` // an empty list is written
	// Doubts names facts that two answers about the media tell differently, or that
	// one of them left out: "tags", "category". Nobody knows what such a fact is.
	Doubts []string `json:"doubts,omitempty"`
}

// Image is one uploaded image.
type Image struct {
	ID           ID        `json:"id"`
	Title        string    `json:"title,omitempty"`
	Description  string    `json:"description,omitempty"`
	Tags         []string  `json:"tags,omitempty"`
	Category     int64     `json:"category,omitempty"`
	CategoryName string    `json:"categoryName,omitempty"`
	Status       string    `json:"status,omitempty"`
	Type         string    `json:"type,omitempty"` // default, cover
	URL          string    `json:"url,omitempty"`
	FileName     string    `json:"fileName,omitempty"`
	Size         int64     `json:"size,omitempty"` // bytes
	Width        int       `json:"width,omitempty"`
	Height       int       `json:"height,omitempty"`
	Created      time.Time `json:"created,omitzero"`
	Modified     time.Time `json:"modified,omitzero"` // zero: the read that filled this does not say
	App          string    `json:"app,omitempty"`
	Region       string    `json:"region,omitempty"`
}

// Length is a duration that was told in seconds, to the microsecond, which no measure of the
// provider exceeds: 4.004 s is 4.004 s, and not what the nearest binary fraction is. What is
// no length of a media, such as one below zero or of more than 30 years, is zero: not known.
func Length(seconds float64) time.Duration {
	if !(seconds > 0 && seconds <= 1e9) { // so that NaN is none either
		return 0
	}
	return time.Duration(math.Round(seconds*1e6)) * time.Microsecond
}

// SplitTags reads the provider's comma-separated tag list: blanks around a tag
// and empty tags are dropped, order and case stay, a repeated tag counts once.
func SplitTags(list string) []string {
	var tags []string
	seen := map[string]bool{}
	for tag := range strings.SplitSeq(list, ",") {
		if tag = strings.TrimSpace(tag); tag != "" && !seen[tag] {
			seen[tag] = true
			tags = append(tags, tag)
		}
	}
	return tags
}

// JoinTags writes tags as the provider takes them. It is the inverse of
// SplitTags for tags that Change.Check accepts.
func JoinTags(tags []string) string { return strings.Join(tags, ",") }
