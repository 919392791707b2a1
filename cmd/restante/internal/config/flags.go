package config

import "github.com/spf13/pflag"

// AddStoreFlags adds the flags that say where the mail is when it is not in the data folder.
func AddStoreFlags(f *pflag.FlagSet, c *Server) {
	f.StringVar(&c.Store, "store", "", "database that holds the mail instead of the folder: `URL` like postgres://USER@HOST/DATABASE")
	f.StringVar(&c.Blobs, "blobs", "", "object store beside it: `URL` like s3://BUCKET?endpoint=https://HOST, or file:///FOLDER")
	f.StringVar(&c.NATS, "nats", "", "NATS servers by which machines hear of each other: `URL`, with commas")
}
