package vod

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/video"
)

// Secret is text that prints as a placeholder, however it is printed.
type Secret string

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Format prints the placeholder for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[hidden]")) }

// MarshalText keeps secrets out of JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("[hidden]"), nil }

// NewMedia is what a file to be uploaded is announced with.
type NewMedia struct {
	FileName    string // required, with its extension; of an image the original name
	Title       string // required for a video
	Description string
	Tags        []string
	Category    int64
	Cover       string // URL; video only
	Type        string // image only: default, cover; empty: default
	Size        int64  // bytes; video only
	UserData    string
}

// Upload is a media that waits for its file: where to put it, and the short-lived
// keys to do it with.
type Upload struct {
	ID       video.ID
	URL      string // of an image, once uploaded
	Endpoint string // of the object store, with scheme
	Bucket   string
	Object   string
	Key      string // access key id
	Secret   Secret
	Token    Secret
	Expires  time.Time // zero: not said
}

// CreateVideo announces a video or audio file (CreateUploadVideo). It is not
// repeated when its outcome is unknown: there would be two.
func (c *Client) CreateVideo(ctx context.Context, n NewMedia) (Upload, error) {
	err := n.check()
	if n.Title == "" {
		err = errors.Join(err, fmt.Errorf("%w: title: missing", video.ErrInvalid))
	}
	if err != nil {
		return Upload{}, err
	}
	req := api.CreateCreateUploadVideoRequest()
	req.FileName, req.Title, req.Description = n.FileName, n.Title, n.Description
	req.Tags, req.CoverURL, req.UserData, req.AppId = video.JoinTags(n.Tags), n.Cover, n.UserData, c.config.App
	if n.Category != 0 {
		req.CateId = requests.NewInteger64(n.Category)
	}
	if n.Size != 0 {
		req.FileSize = requests.NewInteger64(n.Size)
	}
	answer := api.CreateCreateUploadVideoResponse()
	err = c.ask(ctx, req, answer)
	if err != nil {
		return Upload{}, err
	}
	return opened(Upload{ID: video.ID(answer.VideoId)}, answer.UploadAddress, answer.UploadAuth)
}

// CreateImage announces an image file (CreateUploadImage), with CreateVideo's care.
func (c *Client) CreateImage(ctx context.Context, n NewMedia) (Upload, error) {
	if err := n.check(); err != nil {
		return Upload{}, err
	}
	req := api.CreateCreateUploadImageRequest()
	req.ImageType = "default"
	if n.Type != "" {
		req.ImageType = n.Type
	}
	req.ImageExt = strings.ToLower(n.FileName[strings.LastIndexByte(n.FileName, '.')+1:])
	req.OriginalFileName, req.Title, req.Description = n.FileName, n.Title, n.Description
	req.Tags, req.UserData, req.AppId = video.JoinTags(n.Tags), n.UserData, c.config.App
	if n.Category != 0 {
		req.CateId = requests.NewInteger64(n.Category)
	}
	answer := api.CreateCreateUploadImageResponse()
	err := c.ask(ctx, req, answer)
	if err != nil {
		return Upload{}, err
	}
	return opened(Upload{ID: video.ID(answer.ImageId), URL: answer.ImageURL}, answer.UploadAddress, answer.UploadAuth)
}

func (n NewMedia) check() error {
	// The limits are those of an update; the id there is not ours to give.
	err := video.Update{ID: "new", Fields: video.Fields{Title: &n.Title, Description: &n.Description}, Tags: &n.Tags}.Check()
	if dot := strings.LastIndexByte(n.FileName, '.'); dot <= 0 || dot == len(n.FileName)-1 {
		err = errors.Join(err, fmt.Errorf("%w: file name: %q has no extension", video.ErrInvalid, n.FileName))
	}
	return err
}

// opened reads the two opaque fields: base64 of JSON for the object store.
func opened(u Upload, address, auth string) (Upload, error) {
	var to struct{ Endpoint, Bucket, FileName string }
	var keys struct{ AccessKeyID, AccessKeySecret, SecurityToken, ExpireUTCTime string }
	if err := errors.Join(decode(address, &to), decode(auth, &keys)); err != nil {
		return Upload{ID: u.ID}, fmt.Errorf("upload %s: %w", u.ID, err)
	}
	u.Endpoint, u.Bucket, u.Object = to.Endpoint, to.Bucket, to.FileName
	u.Key, u.Secret, u.Token = keys.AccessKeyID, Secret(keys.AccessKeySecret), Secret(keys.SecurityToken)
	u.Expires = when(keys.ExpireUTCTime)
	return u, nil
}

// decode says nothing of what it could not read: it may be a key.
func decode(text string, into any) error {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, into) != nil {
		return fmt.Errorf("%w: the upload address or its keys cannot be read", video.ErrUnknownOutcome)
	}
	return nil
}
