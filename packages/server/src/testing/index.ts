export { MemoryRaftStore } from '@odradek/controller';
