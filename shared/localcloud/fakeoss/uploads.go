package fakeoss

import (
	"bytes"
	"crypto/md5" //nolint:gosec // entity tags are MD5
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A multipart upload that was begun is a folder in its bucket's: upload.json, and each
// part that was answered in a file of its number.

func (s *Server) uploadDir(bucket, id string) string {
	return filepath.Join(s.opt.Dir, bucket, "upload-"+id)
}

// saveUpload keeps a begun upload; the caller holds s.mu.
func (s *Server) saveUpload(id string, u *upload) error {
	if s.opt.Dir == "" {
		return nil
	}
	dir := s.uploadDir(u.Bucket, id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(replace(filepath.Join(dir, "upload.json"), u), syncDir(filepath.Dir(dir)))
}

// savePart keeps one part; the caller holds s.mu.
func (s *Server) savePart(t target, n int, data []byte) error {
	if s.opt.Dir == "" {
		return nil
	}
	dir := s.uploadDir(t.bucket, t.query.Get("uploadId"))
	tmp, err := write(dir, bytes.NewReader(data))
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(tmp, filepath.Join(dir, strconv.Itoa(n))), syncDir(dir))
}

// retire takes an upload away in one step; the caller holds s.mu.
func (s *Server) retire(t target) error {
	id := t.query.Get("uploadId")
	if s.uploads[id] == nil { // completed by two callers
		return nil
	}
	delete(s.uploads, id)
	if s.opt.Dir == "" {
		return nil
	}
	dir := s.uploadDir(t.bucket, id)
	gone := filepath.Join(filepath.Dir(dir), "gone-"+id)
	return errors.Join(os.Rename(dir, gone), os.RemoveAll(gone), syncDir(filepath.Dir(dir)))
}

// loadUpload takes up an upload that an earlier run was told of.
func (s *Server) loadUpload(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "upload.json"))
	if errors.Is(err, fs.ErrNotExist) { // its beginning was never answered
		return os.RemoveAll(dir)
	}
	u := &upload{parts: map[int]part{}}
	if err = errors.Join(err, json.Unmarshal(text, u)); err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		n, err := strconv.Atoi(f.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		info, err := f.Info()
		if err != nil {
			return err
		}
		sum := md5.Sum(data) //nolint:gosec // as above
		u.parts[n] = part{data: data, etag: strings.ToUpper(hex.EncodeToString(sum[:])), at: info.ModTime()}
	}
	s.uploads[strings.TrimPrefix(filepath.Base(dir), "upload-")] = u
	return nil
}
