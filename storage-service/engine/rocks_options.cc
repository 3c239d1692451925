#include "storage-service/engine/rocks_options.h"

#include <memory>

#include "rocksdb/cache.h"
#include "rocksdb/file_checksum.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/table_properties_collectors.h"

namespace restante::engine {
namespace {

rocksdb::ColumnFamilyOptions MakeFamily(const EngineOptions& options,
                                        const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // A listing of many messages reads a block at a time, and each costs an allocation, a
  // search in the index and a checksum: with RocksDB's 4 KiB a row took half as long again.
  table.block_size = 16 << 10;
  // Indexes and filters count against the cache, so that memory stays bounded
  // however large the store is.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));

  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = options.write_buffer_octets / 4;
  family.max_write_buffer_number = 2;
  // A file with a stretch of tombstones is compacted soon: mail is mostly
  // deleted, and a scan walks over every tombstone.
  family.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(1024, 512, 0.5));
  return family;
}

}  // namespace

rocksdb::DBOptions MakeDatabaseOptions(const EngineOptions& options, rocksdb::Env* env,
                                       rocksdb::WALRecoveryMode recovery) {
  rocksdb::DBOptions database;
  database.env = env;
  database.wal_recovery_mode = recovery;
  // A recycled log's old records could pass for a torn tail.
  database.recycle_log_file_num = 0;
  database.wal_compression = rocksdb::kNoCompression;
  database.db_write_buffer_size = options.write_buffer_octets;
  // Shards' memtables fill slowly and keep the logs alive that bodies fill fast;
  // this bounds the disk space and the time to open.
  database.max_total_wal_size = 4 * options.write_buffer_octets;
  database.max_background_jobs = options.background_jobs;
  database.max_open_files = options.open_files;
  // Large flushes reach the disk bit by bit, not in one burst that a commit's
  // fsync then waits for.
  database.bytes_per_sync = uint64_t{1} << 20;
  // Backups know files by it, and need not read those that they have.
  database.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  // Logs and manifests take what they hold, not what they may come to hold.
  database.allow_fallocate = false;
  database.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  database.max_log_file_size = size_t{8} << 20;
  database.keep_log_file_num = 4;
  return database;
}

std::vector<rocksdb::ColumnFamilyDescriptor> MakeFamilies(const EngineOptions& options) {
  const auto cache = rocksdb::NewLRUCache(options.block_cache_octets);
  const rocksdb::ColumnFamilyOptions records = MakeFamily(options, cache);
  rocksdb::ColumnFamilyOptions bodies = MakeFamily(options, cache);
  bodies.enable_blob_files = true;
  // Chunks go to blob files; records and very small bodies stay in the tree.
  bodies.min_blob_size = 512;
  bodies.blob_file_size = options.blob_file_octets;
  // Compactions move keys and leave the bodies where they are: those that have to be moved
  // are moved by the Compactor.
  bodies.enable_blob_garbage_collection = false;
  return {{rocksdb::kDefaultColumnFamilyName, records},
          {kStateFamily, records},
          {kMessagesFamily, records},
          {kBodiesFamily, bodies}};
}

}  // namespace restante::engine
