/** Small text files, whole: properties, secrets, what the kernel tells. */
import { StorageFault } from '@odradek/base';
import type { Files } from '@odradek/base';

/** Properties and secrets have some KiB; whoever mounts more has mounted something else. */
const TEXT_BYTES_MAX = 1024 * 1024;

/** Read to its end and not by its size, which files of /proc do not have. @throws StorageFault also when the file is too long */
export function readText(files: Files, path: string): string {
  const handle = files.open(path, 'read');
  try {
    let bytes = Buffer.alloc(16 * 1024);
    let length = 0;
    for (;;) {
      const read = handle.readSync(bytes, length, bytes.length - length, length);
      length += read;
      if (read === 0) return bytes.toString('utf8', 0, length);
      if (length > TEXT_BYTES_MAX) throw new StorageFault(path, new Error(`it is longer than ${TEXT_BYTES_MAX} bytes`));
      if (length === bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(bytes.length)]);
    }
  } finally {
    handle.close();
  }
}
