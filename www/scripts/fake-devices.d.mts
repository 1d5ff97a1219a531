export declare const LOW: number;
export declare const HIGH: number;
export declare function tone(hertz: number, seconds: number, seed?: number): Float32Array;
export declare function silence(seconds: number): Float32Array;
export declare function wav(...parts: Float32Array[]): Buffer;
export declare function fakeDevices(): { sound: string; video: string };
